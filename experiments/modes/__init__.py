"""Modes by name. A new one is a file here, its settings and what it does, and its name in the line below; or, from
outside, ``register``, or ``experiments.cli.main(argv, extra=(MODE,))``."""

from __future__ import annotations

from typing import Any

from common.registry import Registry
from experiments.errors import UserError
from experiments.modes.ablate import ABLATE
from experiments.modes.ann import ANN
from experiments.modes.convert import CONVERT
from experiments.modes.data import DATA
from experiments.modes.demo import DEMO
from experiments.modes.energy import ENERGY
from experiments.modes.export import EXPORT
from experiments.modes.mode import Mode
from experiments.modes.predict import PREDICT
from experiments.modes.rates import RATES
from experiments.modes.robust import ROBUST
from experiments.modes.snn import SNN

MODES: Registry[Mode] = Registry("mode", ANN, SNN, CONVERT, ENERGY, RATES, ROBUST, ABLATE, PREDICT, EXPORT, DATA, DEMO)


def register(mode: Mode) -> None:
    """For good; ``with MODES.including(mode):`` for a while."""
    MODES.add(mode)


def run(settings: Any) -> None:
    """Asks for the kernels first, before anything is written: a wrong word in the environment is then a sentence."""
    # A wrong word on the command line should not wait for the kernels to load.
    import torch

    from kernels.kept import CompileError
    from kernels.selection import BACKEND_OF, selection

    try:
        for device in BACKEND_OF:
            selection(device)
    except ValueError as error:
        raise UserError(str(error)) from error
    # A GPU convolves in 19 bits unless told otherwise, and a count near its threshold would then be another one.
    torch.backends.cudnn.allow_tf32 = False
    try:
        MODES[settings.mode].run(settings)
    except CompileError as error:
        raise UserError(f"{error}; SPIKEAVS_KERNELS=torch does without") from error


__all__ = ["MODES", "Mode", "register", "run"]

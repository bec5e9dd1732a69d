"""Mode -> function. The command line imports this only after the settings are valid.

``run`` also asks for the kernels once, before anything is written: a wrong word in the environment is then a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from experiments.convert_mode import convert
from experiments.data_mode import data
from experiments.demo import demo
from experiments.energy_mode import energy
from experiments.errors import UserError
from experiments.rates_mode import rates
from experiments.train_mode import train
from kernels.kept import CompileError
from kernels.selection import BACKEND_OF, selection

Function = Callable[[Any], None]
MODES: dict[str, Function] = {
    "ann": train,
    "snn": train,
    "convert": convert,
    "energy": energy,
    "rates": rates,
    "data": data,
    "demo": demo,
}


def run(settings: Any, more: Mapping[str, Function]) -> None:
    """``more``: modes of other rooms."""
    try:
        for device in BACKEND_OF:
            selection(device)
    except ValueError as error:
        raise UserError(str(error)) from error
    try:
        {**MODES, **more}[settings.mode](settings)
    except CompileError as error:
        raise UserError(f"{error}; SPIKEAVS_KERNELS=torch does without") from error

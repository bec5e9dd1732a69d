"""Mode -> function. The command line imports this only after the settings are valid.

``run`` also asks for the kernels once, before anything is written: a wrong word in the environment is then a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.convert_mode import convert
from experiments.data_mode import data
from experiments.demo import demo
from experiments.doctor import doctor
from experiments.energy_mode import energy
from experiments.errors import UserError
from experiments.rates_mode import rates
from experiments.train_mode import train
from kernels.kept import CompileError
from kernels.selection import BACKEND_OF, selection

MODES: dict[str, Callable[[Any], None]] = {
    "ann": train,
    "snn": train,
    "convert": convert,
    "energy": energy,
    "rates": rates,
    "data": data,
    "demo": demo,
    "doctor": doctor,
}


def run(settings: Any) -> None:
    try:
        for device in BACKEND_OF:
            selection(device)
    except ValueError as error:
        raise UserError(str(error)) from error
    try:
        MODES[settings.mode](settings)
    except CompileError as error:
        raise UserError(f"{error}; SPIKEAVS_KERNELS=torch does without") from error

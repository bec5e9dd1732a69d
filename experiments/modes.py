"""Mode -> function. The command line imports this only after the settings are valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.convert_mode import convert
from experiments.data_mode import data
from experiments.demo import demo
from experiments.doctor import doctor
from experiments.energy_mode import energy
from experiments.rates_mode import rates
from experiments.train_mode import train

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

"""Settings that have the right types and still cannot be run: wrong choices, wrong ranges."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from experiments.cli import network
from experiments.cli.keys import DATA, keys_of
from experiments.datasets import DATASETS, DataSettings
from experiments.device_names import check, cuda_devices
from experiments.errors import UserError, unknown
from experiments.limits import described
from experiments.modes import MODES
from experiments.settings import RunSettings
from graph.models import FAMILIES


def get(settings: Any, key: str) -> Any:
    """The value at a dotted key."""
    for name in key.split("."):
        settings = getattr(settings, name)
    return settings


def values(settings: Any) -> None:
    """What holds on every machine; so a run that was made on another can be read here."""
    data = getattr(settings, DATA, None)
    table = keys_of(MODES[settings.mode], data.dataset if isinstance(data, DataSettings) else "").settings
    for key, setting in table.items():
        value = get(settings, key)
        # A name that is left out, as it is by default, is the spec's own.
        if setting.words and value not in setting.words and value != setting.default:
            raise unknown(setting.shown, value, setting.words)
    for key, setting in table.items():
        value, bounds = get(settings, key), setting.limits
        # Also refuses nan, which is neither.
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            raise UserError(f"{key} is {value}, expected {described(bounds)}")
    if hasattr(settings, "device"):
        check(settings.device)
    if isinstance(settings, RunSettings):
        _data(settings)
        network.network(settings)


def seen(settings: RunSettings) -> int:
    """Pixels of a side that the model sees: those that the data are told to have, else its spec's."""
    return settings.data.image or FAMILIES[settings.model.name].specs[settings.model.spec].image


def _data(settings: RunSettings) -> None:
    data, specs = settings.data, FAMILIES[settings.model.name].specs
    dataset = DATASETS[data.dataset]
    if settings.model.spec not in specs:
        raise unknown("model.spec", settings.model.spec, specs)
    dataset.check(data)
    side = dataset.side(data)
    if side and data.image not in (0, side):
        raise UserError(f"data.image is {data.image}, expected {side}, the side of clips of {dataset.name}, or 0")
    size, coarsest = seen(settings), specs[settings.model.spec].strides[-1]
    if size % coarsest:
        raise UserError(f"data.image is {size}, expected a multiple of {coarsest}, the model's coarsest stride")
    if side and size != side:
        fitting = [name for name, other in specs.items() if other.image == side]
        what = f"'{settings.model.spec}', which sees {size} pixels, but clips of {dataset.name} have {side}"
        raise UserError(f"model.spec is {what}, expected one of {', '.join(fitting) or 'that size'}")


def complete(settings: Any) -> Any:
    """With ``data.image`` filled in where the model says it."""
    if not isinstance(settings, RunSettings) or settings.data.image:
        return settings
    if DATASETS[settings.data.dataset].side(settings.data):
        return settings
    return replace(settings, data=replace(settings.data, image=seen(settings)))


def _gpus(device: str, processes: int) -> None:
    there, number = cuda_devices(), device.partition(":")[2]
    if not there:
        raise UserError(f"device is '{device}', but torch finds no CUDA device here, expected 'cpu' or 'auto'")
    if number and int(number) >= there:
        raise UserError(
            f"device is '{device}', but there are {there} CUDA devices, expected cuda:0 to cuda:{there - 1}"
        )
    if number and processes > 1:
        raise UserError(f"device is '{device}' and fabric.devices {processes}, expected 'cuda' for more than one")
    if processes > there:
        raise UserError(f"fabric.devices is {processes}, expected 1 to {there}, the CUDA devices of this machine")


def machine(settings: Any) -> None:
    """What this machine has not got."""
    device = getattr(settings, "device", "cpu")
    if device.startswith("cuda"):
        _gpus(device, settings.fabric.devices if isinstance(settings, RunSettings) else 1)
    if not isinstance(settings, RunSettings):
        return
    if settings.fabric.precision == "16-mixed" and device == "cpu":
        raise UserError("fabric.precision is '16-mixed' on a CPU, expected 'bf16-mixed' there, or --device cuda")
    cores = os.cpu_count() or 1
    if settings.train.threads > cores:
        raise UserError(f"train.threads is {settings.train.threads}, expected 1 to {cores}, the cores of this machine")

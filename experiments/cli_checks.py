"""Settings that have the right types and still cannot be run: wrong choices, wrong ranges."""

from __future__ import annotations

import math
from typing import Any

from torch.cuda import is_available

from avs.chimes import VARIANTS, ChimesSpec
from avs.mutual_information import ESTIMATORS
from experiments.errors import UserError, unknown
from experiments.settings import RunSettings
from graph.models import FAMILIES, MODELS
from snn import spec as neuron

CHOICES: dict[str, tuple[str, ...]] = {
    "model.name": tuple(MODELS),
    "data.dataset": ("chimes",),
    "data.variant": VARIANTS,
    "information.estimator": tuple(ESTIMATORS),
    "spikes.norm": ("none", "batch"),
    "spikes.residual": ("real", "spike"),
    "spikes.score": ("count", "linear"),
    **{f"neuron.{key}": allowed for key, allowed in neuron.CHOICES.items()},
}
AT_LEAST: dict[str, float] = {
    "seed": 0,
    "clips": 1,
    "epochs": 0,
    "further": 0,
    "train": 1,
    "parallel": 1,
    "data.train": 1,
    "data.val": 1,
    "data.test": 1,
    "train.epochs": 0,
    "train.batch": 1,
    "information.bank": 256,
    "train.lr": 0,
    "train.weight_decay": 0,
    "train.warmup": 0,
    "train.clip": 0,
    "train.rate_penalty": 0,
    "train.threads": 1,
    "train.log_every": 1,
    "train.save_every": 1,
    "train.stop_after": 0,
    "information.weight": 0,
    "calibrate.frames": 1,
    "calibrate.percentile": 0,
    "exact.bits": 1,
    "exact.frames": 0,
}
AT_MOST: dict[str, float] = {"train.warmup": 1, "calibrate.percentile": 1}


def get(settings: Any, key: str) -> Any:
    """The value at a dotted key; None where this mode has no such key."""
    for name in key.split("."):
        settings = getattr(settings, name, None)
    return settings


def values(settings: Any) -> None:
    for key, allowed in CHOICES.items():
        found = get(settings, key)
        if found is not None and found not in allowed:
            raise unknown(key, found, allowed)
    for key, low in AT_LEAST.items():
        found, high = get(settings, key), AT_MOST.get(key, math.inf)
        # Also refuses nan, which is neither.
        if isinstance(found, int | float) and not low <= found <= high:
            bound = f"{low} to {high}" if high < math.inf else f"{low} or more"
            raise UserError(f"{key} is {found}, expected {bound}")
    if isinstance(settings, RunSettings):
        _data(settings)
        _device(settings.device)


def _data(settings: RunSettings) -> None:
    data, specs = settings.data, FAMILIES[settings.model.name].specs
    if settings.model.spec not in specs:
        raise unknown("model.spec", settings.model.spec, specs)
    size = specs[settings.model.spec].image
    try:
        spec = ChimesSpec(variant=data.variant, classes=data.classes, seed=data.seed)
    except ValueError as error:
        raise UserError(str(error).replace("chimes.", "data.")) from error
    if size != spec.size:
        fitting = [name for name, other in specs.items() if other.image == spec.size]
        found = f"'{settings.model.spec}', which sees {size} pixels, but clips of {data.dataset} have {spec.size}"
        raise UserError(f"model.spec is {found}, expected one of {', '.join(fitting)}")


def _device(device: str) -> None:
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda") or (":" in device and not index.isdigit()):
        raise unknown("device", device, ("cpu", "cuda", "cuda:0"))
    if kind == "cuda" and not is_available():
        raise UserError(f"device is '{device}', but torch finds no CUDA device here, expected 'cpu'")

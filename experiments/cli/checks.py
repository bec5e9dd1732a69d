"""Settings that have the right types and still cannot be run: wrong choices, wrong ranges."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from torch.cuda import is_available

from avs import avsbench, chimes, information
from common.choices import choices
from experiments.cli import network
from experiments.errors import UserError, unknown
from experiments.schedule import SCHEDULES
from experiments.settings import FORMS, DataSettings, NeuronSettings, RunSettings
from graph.backbones import BACKBONES
from graph.models import FAMILIES, MODELS

VARIANTS = {"chimes": chimes.VARIANTS, "avsbench": avsbench.VARIANTS}
IN_A_FOLDER = ("avsbench",)
CHOICES: dict[str, tuple[str, ...]] = {
    "model.name": tuple(MODELS),
    "model.backbone": tuple(BACKBONES),
    "dataset": IN_A_FOLDER,
    "variant": ("all", *avsbench.VARIANTS),
    "data.dataset": tuple(VARIANTS),
    "data.variant": tuple(dict.fromkeys(name for names in VARIANTS.values() for name in names)),
    "information.estimator": information.NAMES,
    "train.schedule": tuple(SCHEDULES),
    "spikes.form": FORMS,
    "spikes.norm": ("none", "batch"),
    "spikes.residual": ("real", "spike"),
    "spikes.score": ("count", "linear"),
    **{f"neuron.{key}": words for key, words in choices(NeuronSettings).items()},
}
MAY_LACK = {"model.backbone": ("",)}  # the spec's own
AT_LEAST: dict[str, float] = {
    "seed": 0,
    "clips": 1,
    "epochs": 0,
    "further": 0,
    "train": 1,
    "parallel": 1,
    "data.train": 0,
    "data.val": 0,
    "data.test": 0,
    "data.image": 0,
    "data.workers": 0,
    "train.epochs": 0,
    "train.batch": 1,
    "information.bank": 256,
    "train.lr": 0,
    "train.weight_decay": 0,
    "train.warmup": 0,
    "train.clip": 0,
    "train.backbone_lr": 0,
    "train.freeze_epochs": 0,
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
        if found is not None and found not in (*allowed, *MAY_LACK.get(key, ())):
            raise unknown(key, found, allowed)
    for key, low in AT_LEAST.items():
        found, high = get(settings, key), AT_MOST.get(key, math.inf)
        # Also refuses nan, which is neither.
        if isinstance(found, int | float) and not low <= found <= high:
            bound = f"{low} to {high}" if high < math.inf else f"{low} or more"
            raise UserError(f"{key} is {found}, expected {bound}")
    if isinstance(settings, RunSettings):
        _data(settings)
        network.network(settings)
        _device(settings.device)


def seen(settings: RunSettings) -> int:
    """Pixels of a side that the model sees: those that the data are told to have, else its spec's."""
    return settings.data.image or FAMILIES[settings.model.name].specs[settings.model.spec].image


def _data(settings: RunSettings) -> None:
    data, specs = settings.data, FAMILIES[settings.model.name].specs
    if settings.model.spec not in specs:
        raise unknown("model.spec", settings.model.spec, specs)
    if data.variant not in VARIANTS[data.dataset]:
        raise unknown(f"data.variant of {data.dataset}", data.variant, VARIANTS[data.dataset])
    sizes = {"chimes": _chimes, "avsbench": _avsbench}[data.dataset](data)
    size, coarsest = seen(settings), specs[settings.model.spec].strides[-1]
    if size % coarsest:
        raise UserError(f"data.image is {size}, expected a multiple of {coarsest}, the model's coarsest stride")
    if sizes and size != sizes:
        fitting = [name for name, other in specs.items() if other.image == sizes]
        found = f"'{settings.model.spec}', which sees {size} pixels, but clips of {data.dataset} have {sizes}"
        raise UserError(f"model.spec is {found}, expected one of {', '.join(fitting) or 'that size'}")


def _chimes(data: DataSettings) -> int:
    """The side of its clips."""
    try:
        size = chimes.ChimesSpec(variant=data.variant, classes=data.classes, seed=data.seed).size
    except ValueError as error:
        raise UserError(str(error).replace("chimes.", "data.")) from error
    if data.image not in (0, size):
        raise UserError(f"data.image is {data.image}, expected {size}, the side of clips of chimes, or 0")
    return size


def _avsbench(data: DataSettings) -> int:
    """Its clips are brought to any size: 0 asks for what the model sees."""
    if not data.root:
        raise UserError("data.root is missing, expected the folder of AVSBench, with Single-source, ... in it")
    return data.image


def complete(settings: Any) -> Any:
    """With ``data.image`` filled in where the model says it."""
    if not isinstance(settings, RunSettings) or settings.data.dataset not in IN_A_FOLDER or settings.data.image:
        return settings
    return replace(settings, data=replace(settings.data, image=seen(settings)))


def _device(device: str) -> None:
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda") or (":" in device and not index.isdigit()):
        raise unknown("device", device, ("cpu", "cuda", "cuda:0"))
    if kind == "cuda" and not is_available():
        raise UserError(f"device is '{device}', but torch finds no CUDA device here, expected 'cpu'")

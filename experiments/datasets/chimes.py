"""chimes: clips that are made from a seed; see `avs.chimes`."""

from __future__ import annotations

from pathlib import Path

from avs import chimes
from avs.split import Split
from experiments.datasets.dataset import Dataset
from experiments.errors import UserError
from experiments.settings import DataSettings


def spec(data: DataSettings) -> chimes.ChimesSpec:
    return chimes.ChimesSpec(variant=data.variant, classes=data.classes, seed=data.seed)


def split(data: DataSettings, name: str, count: int) -> Split:
    return chimes.load(spec(data), name, count, Path(data.cache) if data.cache else None)


def check(data: DataSettings) -> None:
    try:
        spec(data)
    except ValueError as error:
        raise UserError(str(error).replace("chimes.", "data.")) from error


CHIMES = Dataset(
    name="chimes",
    keys="classes: how many there are; seed: of the clips; cache: the folder that keeps them",
    variants=chimes.VARIANTS,
    usual={"train": 1600, "val": 100, "test": 200},
    grid=True,
    split=split,
    channels=lambda data: data.classes + 1 if data.variant == "semantic" else 1,
    frames=lambda data: spec(data).frames,
    side=lambda data: spec(data).size,
    check=check,
)

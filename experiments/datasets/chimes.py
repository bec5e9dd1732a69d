"""chimes: clips that are made from a seed; see `avs.chimes`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avs import chimes
from experiments.datasets.dataset import Dataset, DataSettings
from experiments.errors import UserError

if TYPE_CHECKING:
    from avs.split import Split


@dataclass(frozen=True, kw_only=True)
class ChimesSettings(DataSettings):
    """``classes``: how many there are. ``fps``: frames a second; above 1 a film, whose sound is a sliding window.
    ``seed``: of the clips. ``cache``: the folder that keeps them, or none."""

    dataset: str = "chimes"
    classes: int = 5
    fps: int = 1
    seed: int = 0
    cache: str = ".cache/chimes"


def spec(data: ChimesSettings) -> chimes.ChimesSpec:
    return chimes.ChimesSpec(variant=data.variant, classes=data.classes, seed=data.seed, fps=data.fps)


def split(data: ChimesSettings, name: str, count: int) -> Split:
    return chimes.load(spec(data), name, count, Path(data.cache) if data.cache else None)


def check(data: ChimesSettings) -> None:
    try:
        spec(data)
    except ValueError as error:
        raise UserError(str(error).replace("chimes.", "data.")) from error


CHIMES = Dataset(
    name="chimes",
    settings=ChimesSettings,
    variants=chimes.VARIANTS,
    usual={"train": 1600, "val": 100, "test": 200},
    grid=True,
    split=split,
    channels=lambda data: data.classes + 1 if data.variant == "semantic" else 1,
    frames=lambda data: spec(data).length,
    side=lambda data: spec(data).size,
    named=lambda data: data.classes,
    check=check,
)

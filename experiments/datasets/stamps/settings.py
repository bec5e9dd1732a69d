"""What is said of stamps alone."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.datasets.dataset import DataSettings
from experiments.limits import within

ROOT = ".cache/stamps"


@dataclass(frozen=True, kw_only=True)
class StampsSettings(DataSettings):
    """``kind``: what test clips are composed of: seen, unseen_image, unseen_sound, unseen_both, or real: photographs as
    they were taken. ``fps``: frames a second. ``seed``: of the clips. ``root``: the folder that --mode data --dataset
    stamps filled; composed clips are kept there. ``fresh``: clips of train are composed whenever they are read, by
    data.workers processes, and none is kept: there may be as many as one likes, each seen once."""

    dataset: str = "stamps"
    kind: str = "unseen_both"
    fps: int = within(1, least=1, most=60)
    seed: int = within(0, least=0)
    root: str = ROOT
    fresh: bool = False

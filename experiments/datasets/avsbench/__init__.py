"""avsbench: AVSBench, as it is distributed, in a folder of the user's; see `avs.avsbench`."""

from __future__ import annotations

from pathlib import Path

from avs import avsbench
from avs.split import Split
from experiments.datasets.avsbench.report import report
from experiments.datasets.avsbench.whole import whole
from experiments.datasets.dataset import Dataset, Folder
from experiments.errors import UserError
from experiments.settings import DataSettings


def split(data: DataSettings, name: str, count: int) -> Split:
    try:
        return avsbench.load(data.variant, Path(data.root), name, image=data.image, count=count, workers=data.workers)
    except ValueError as error:
        raise UserError(str(error)) from error


def check(data: DataSettings) -> None:
    if not data.root:
        raise UserError("data.root is missing, expected the folder of AVSBench, with Single-source, ... in it")


AVSBENCH = Dataset(
    name="avsbench",
    keys="root: the folder with Single-source, Multi-sources and AVSS in it; image: pixels of a side; workers: threads "
    "that decode; cache: the folder that keeps which splits are whole",
    variants=avsbench.VARIANTS,
    usual=dict.fromkeys(avsbench.SPLITS, 0),
    grid=False,
    split=split,
    channels=lambda data: avsbench.LAYOUTS[data.variant].classes,
    frames=lambda data: avsbench.LAYOUTS[data.variant].frames,
    side=lambda data: 0,
    check=check,
    whole=whole,
    folder=Folder(holds="Single-source, Multi-sources and AVSS", report=report),
)

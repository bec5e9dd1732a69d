"""avsbench: AVSBench, as it is distributed, in a folder of the user's; see `avs.avsbench`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from avs import avsbench
from experiments.datasets.avsbench.settings import AvsbenchSettings
from experiments.datasets.dataset import Dataset, Folder
from experiments.errors import UserError

if TYPE_CHECKING:
    from avs.split import Split


def split(data: AvsbenchSettings, name: str, count: int) -> Split:
    try:
        return avsbench.load(data.variant, Path(data.root), name, image=data.image, count=count)
    except ValueError as error:
        raise UserError(str(error)) from error


def check(data: AvsbenchSettings) -> None:
    if not data.root:
        raise UserError("data.root is missing, expected the folder of AVSBench, with Single-source, ... in it")


# What reads files also draws tables and bars: imported when there is something to read.


def _whole(data: AvsbenchSettings, counts: Mapping[str, int]) -> None:
    from experiments.datasets.avsbench.whole import whole

    whole(data, counts)


def _report(root: Path, variant: str, build_logmels: bool) -> None:
    from experiments.datasets.avsbench.report import report

    report(root, variant, build_logmels)


AVSBENCH = Dataset(
    name="avsbench",
    settings=AvsbenchSettings,
    variants=avsbench.VARIANTS,
    usual=dict.fromkeys(avsbench.SPLITS, 0),
    grid=False,
    split=split,
    channels=lambda data: avsbench.LAYOUTS[data.variant].classes,
    frames=lambda data: avsbench.LAYOUTS[data.variant].frames,
    side=lambda data: 0,
    check=check,
    whole=_whole,
    folder=Folder(holds="Single-source, Multi-sources and AVSS", report=_report),
)

__all__ = ["AVSBENCH", "AvsbenchSettings"]

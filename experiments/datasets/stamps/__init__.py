"""stamps: clips composed of real cut-outs, recordings and photographs; see `avs.stamps`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from avs import stamps
from experiments.datasets.dataset import Dataset, Folder
from experiments.datasets.stamps.settings import ROOT, StampsSettings
from experiments.errors import UserError

if TYPE_CHECKING:
    from avs.split import Split

SIDE = 96  # of a picture, where neither settings nor model say it


def spec(data: StampsSettings) -> stamps.StampsSpec:
    return stamps.StampsSpec(
        variant=data.variant, kind=data.kind, size=data.image or SIDE, fps=data.fps, seed=data.seed
    )


def split(data: StampsSettings, name: str, count: int) -> Split:
    read = stamps.load_fresh if data.fresh and name == "train" else stamps.load
    try:
        return read(spec(data), name, count, Path(data.root))
    except ValueError as error:
        raise UserError(str(error)) from error


def check(data: StampsSettings) -> None:
    try:
        spec(data)
    except ValueError as error:
        raise UserError(str(error).replace("stamps.", "data.")) from error


def _whole(data: StampsSettings, counts: Mapping[str, int]) -> None:
    try:
        stamps.require_files(Path(data.root))
    except ValueError as error:
        raise UserError(str(error)) from error


# What fetches and reads files also draws tables and bars: imported when there is something to do.


def _fetch(root: Path, packages: Path | None) -> None:
    from experiments.datasets.stamps.fetch import fetch

    fetch(root, packages)


def _report(root: Path, variant: str, build_logmels: bool) -> None:
    from experiments.datasets.stamps.report import report

    report(root)


def _export(root: Path, folder: Path, variant: str, clips: int, image: int) -> None:
    from experiments.datasets.stamps.export import export

    export(root, folder, variant, clips, image)


STAMPS = Dataset(
    name="stamps",
    settings=StampsSettings,
    variants=stamps.VARIANTS,
    usual={"train": 1600, "val": 100, "test": 200},
    grid=True,
    split=split,
    channels=lambda data: len(stamps.classes()) + 1 if data.variant == "semantic" else 1,
    frames=lambda data: spec(data).length,
    side=lambda data: 0,
    named=lambda data: len(stamps.classes()),
    check=check,
    whole=_whole,
    folder=Folder(holds="the packages' pictures and sounds", report=_report, fetch=_fetch, export=_export, usual=ROOT),
)

__all__ = ["STAMPS", "StampsSettings"]

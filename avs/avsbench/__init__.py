"""AVSBench (S4, MS3, AVSS) as it is distributed: where its files lie, whether they are whole, and a split of them.

Nothing is downloaded: the data are given on request by their authors, and stay where the user put them.
"""

from collections.abc import Sequence
from pathlib import Path

from avs.avsbench.check import KINDS, Finding, Report, check, fingerprint
from avs.avsbench.clips import AVSBenchClips, Reader
from avs.avsbench.index import index
from avs.avsbench.layout import CLASSES, LAYOUTS, SPLITS, VARIANTS, Place, Row, place
from avs.avsbench.logmels import build_logmel, can_build
from avs.avsbench.resound import Resounded, resounded


def rows_of(where: Place, split: str, count: int = 0) -> Sequence[Row]:
    """The first ``count`` clips of a split, or all of them (0)."""
    rows = index(where)[split]
    if count > len(rows):
        raise ValueError(f"{where.table}: found {len(rows)} clips of split '{split}', expected at least {count}")
    return rows[: count or None]


def load(variant: str, root: Path, split: str, *, image: int, count: int = 0, workers: int = 0) -> AVSBenchClips:
    """A split, its pictures brought to ``image`` x ``image``; files are read when they are asked for."""
    where = place(variant, root)
    return AVSBenchClips(Reader(where, image, workers), rows_of(where, split, count))


__all__ = [
    "CLASSES",
    "KINDS",
    "LAYOUTS",
    "SPLITS",
    "VARIANTS",
    "AVSBenchClips",
    "Finding",
    "Place",
    "Reader",
    "Report",
    "Resounded",
    "Row",
    "build_logmel",
    "can_build",
    "check",
    "fingerprint",
    "index",
    "load",
    "place",
    "resounded",
    "rows_of",
]

"""AVSBench (S4, MS3, AVSS) as it is distributed: where its files lie, whether they are whole, and a split of them.

Nothing is downloaded: the data are given on request by their authors, and stay where the user put them.
"""

from typing import TYPE_CHECKING

from avs.avsbench.index import index, rows_of
from avs.avsbench.layout import CLASSES, LAYOUTS, SPLITS, VARIANTS, Place, Row, place
from common.late import late

if TYPE_CHECKING:
    from avs.avsbench.clips import AVSBenchClips, Reader, load
    from avs.avsbench.logmels import build_logmel, can_build
    from avs.avsbench.resound import resounded
    from avs.avsbench.whole import KINDS, Finding, Report, check, fingerprint

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
__getattr__ = late(
    __name__,
    {
        "avs.avsbench.clips": ("AVSBenchClips", "Reader", "load"),
        "avs.avsbench.logmels": ("build_logmel", "can_build"),
        "avs.avsbench.resound": ("resounded",),
        "avs.avsbench.whole": ("KINDS", "Finding", "Report", "check", "fingerprint"),
    },
)

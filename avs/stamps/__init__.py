"""Stamps: clips composed of real cut-outs, recordings and photographs out of Debian packages.

One or two objects sound, and one or two of classes that sound elsewhere are silent, so nothing but the ear tells them
apart. It is a synthetic composite, never AVSBench.
"""

from typing import TYPE_CHECKING

from avs.stamps.sources import classes
from avs.stamps.spec import KINDS, SLOTS, SPLITS, VARIANTS, StampsSpec
from common.late import late

if TYPE_CHECKING:
    from avs.stamps.kept import load, load_fresh
    from avs.stamps.unpack import require_files

__all__ = ["KINDS", "SLOTS", "SPLITS", "VARIANTS", "StampsSpec", "classes", "load", "load_fresh", "require_files"]
__getattr__ = late(__name__, {"avs.stamps.kept": ("load", "load_fresh"), "avs.stamps.unpack": ("require_files",)})

"""Chimes: procedural audio-visual clips, made from a seed, nothing to download.

Two or three moving, textured objects on a cluttered ground; one or two of them sound. Each class has a shape,
a texture and a timbre. Since an object that does not sound is always in view, a network cannot do without its
ears.
"""

from typing import TYPE_CHECKING

from avs.chimes.kinds import KINDS
from avs.chimes.spec import SLOTS, SPLITS, VARIANTS, ChimesSpec
from common.late import late

if TYPE_CHECKING:
    from avs.chimes.splits import cache_path, generate, load, waveform

__all__ = ["KINDS", "SLOTS", "SPLITS", "VARIANTS", "ChimesSpec", "cache_path", "generate", "load", "waveform"]
__getattr__ = late(__name__, {"avs.chimes.splits": ("cache_path", "generate", "load", "waveform")})

"""Chimes: procedural audio-visual clips, made from a seed, nothing to download.

Two or three moving, textured objects on a cluttered ground; one or two of them sound. Each class has a shape,
a texture and a timbre. Since an object that does not sound is always in view, a network cannot do without its
ears.
"""

from avs.chimes.generate import cache_path, generate, load, waveform
from avs.chimes.kinds import KINDS
from avs.chimes.spec import SLOTS, SPLITS, VARIANTS, ChimesSpec

__all__ = ["KINDS", "SLOTS", "SPLITS", "VARIANTS", "ChimesSpec", "cache_path", "generate", "load", "waveform"]

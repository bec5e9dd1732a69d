"""The same pictures under another sound, for a network that should mind: ``other`` and ``mute``.

    other   the sound of a clip of another category, drawn once from a seed (s4 alone names one category for a clip)
    mute    digital silence, log-mel log(0.01) throughout

There is no ``swap`` here: which silent object is in view is not told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from avs.counterfactual import SILENCE
from avs.resound import Constant, Resounded, other_donors, same_second
from avs.sound import FRAMES, MELS

if TYPE_CHECKING:  # which imports this file
    from avs.avsbench.clips import AVSBenchClips


def resounded(clips: AVSBenchClips, seed: int = 0) -> dict[str, Resounded]:
    """Kind -> the split under that sound."""
    muted = {"mute": Resounded(clips, Constant(torch.full((1, FRAMES, MELS), SILENCE)))}
    donor = other_donors(clips.groups, seed) if clips.reader.place.layout.categories else None
    return muted if donor is None else {"other": Resounded(clips, same_second(clips, donor)), **muted}

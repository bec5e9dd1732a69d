"""A few frames of a split: to calibrate by, to compare on."""

from __future__ import annotations

import torch
from torch import Tensor

from avs.split import Split


def first_frames(clips: Split, count: int) -> dict[str, Tensor]:
    """``count`` frames, one from each of the first clips, none of them padding."""
    rows = torch.arange(count) % len(clips)
    batch = clips.frame_batch(rows, torch.arange(count) % clips.valid.sum(1)[rows])
    return {k: batch[k] for k in ("image", "logmel")}

"""A few frames of a split: to calibrate by, to compare on."""

from __future__ import annotations

import torch
from torch import Tensor

from avs.split import Split


def first_frames(clips: Split, count: int, together: int = 1) -> dict[str, Tensor]:
    """``count`` frames, a window from each of the first clips, none of them padding. A window is as many frames in a
    row as a network looks at ``together``; the last one is whole."""
    windows = torch.arange(-(-count // together))
    rows = windows % len(clips)
    start = windows % (clips.valid.sum(1)[rows] // together) * together
    frames = (start[:, None] + torch.arange(together)).flatten()
    batch = clips.frame_batch(rows.repeat_interleave(together), frames)
    return {k: batch[k] for k in ("image", "logmel")}

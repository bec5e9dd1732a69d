"""Whole clips of a split, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from avs.audio import log_mel
from avs.clip import Clips
from avs.frame_times import Floats, windows
from avs.stamps.library import Library
from avs.stamps.shot import shot
from avs.stamps.spec import SPLITS, StampsSpec


def labelled_frames(spec: StampsSpec, split: str) -> int:
    return 1 if spec.variant == "s4" and split == "train" else spec.length


def compose(spec: StampsSpec, split: str, index: int, library: Library) -> tuple[dict[str, Any], Floats]:
    """(a row of `Clips` without its log-mel, the wave [seconds * 16000])."""
    clip, frames = shot(spec, split, index, library), range(spec.length)
    row = {
        "frames": np.stack([clip.picture(k, library).transpose(2, 0, 1) for k in frames]),
        "masks": np.stack([clip.mask(k) for k in frames]),
        "labelled": np.arange(spec.length) < labelled_frames(spec, split),
        "valid": np.ones(spec.length, bool),
        "slots": clip.slots,
        "classes": clip.classes,
        "sounding": clip.sounding,
    }
    return row, clip.wave(library)


def generate(spec: StampsSpec, split: str, count: int, library: Library, first: int = 0) -> Clips:
    if split not in SPLITS:
        raise ValueError(f"stamps split: found {split!r}, expected one of {', '.join(SPLITS)}")

    def rows() -> Iterator[dict[str, Any]]:
        for index in range(first, first + count):
            row, wave = compose(spec, split, index, library)
            yield row | {"logmel": log_mel(torch.from_numpy(windows(spec, wave)))[:, 0]}

    return Clips.of_rows(rows(), count)

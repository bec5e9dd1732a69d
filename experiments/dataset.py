"""Settings -> splits in memory, and the order in which training reads frames."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from avs.chimes import ChimesSpec, load
from avs.clip import Clips
from experiments.settings import DataSettings


def chimes_split(data: DataSettings, split: str, count: int) -> Clips:
    spec = ChimesSpec(variant=data.variant, classes=data.classes, seed=data.seed)
    return load(spec, split, count, Path(data.cache) if data.cache else None)


SPLITS = {"chimes": chimes_split}


@lru_cache(maxsize=3)
def split(data: DataSettings, name: str) -> Clips:
    """A split, read once a process: scoring asks for the same one many times, and nobody writes into it."""
    return SPLITS[data.dataset](data, name, {"train": data.train, "val": data.val, "test": data.test}[name])


def mask_channels(data: DataSettings) -> int:
    """1 for a binary mask; classes and a background for a semantic one."""
    return data.classes + 1 if data.variant == "semantic" else 1


def training_order(clips: Clips, batch: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (clip, frame) index batches. A step's content depends on seed and step alone, so a resumed run agrees."""
    clip_idx, frame_idx = clips.labelled_frames()
    epoch = 0
    while True:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(len(clip_idx), generator=generator)
        for rows in order.split(batch):
            if len(rows) == batch or len(order) < batch:
                yield clip_idx[rows], frame_idx[rows]
        epoch += 1


def steps_per_epoch(clips: Clips, batch: int) -> int:
    return max(1, len(clips.labelled_frames()[0]) // batch)

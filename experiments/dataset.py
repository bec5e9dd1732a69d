"""Settings -> splits, and the order in which training reads frames."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from avs.split import Split
from experiments.datasets import DATASETS, Dataset
from experiments.settings import DataSettings


@lru_cache(maxsize=3)
def _read(dataset: Dataset, data: DataSettings, name: str) -> Split:
    return dataset.split(data, name, dataset.count(data, name))


def split(data: DataSettings, name: str) -> Split:
    """A split, read once a process: scoring asks for the same one many times, and nobody writes into it."""
    return _read(DATASETS[data.dataset], data, name)


def real_frames(clips: Split) -> int:
    """How many frames every clip has: padding at a clip's end costs next to nothing and must not be counted."""
    return int(clips.valid.sum(1).min())


def mask_channels(data: DataSettings) -> int:
    """1 for a binary mask; classes and a background for a semantic one."""
    return DATASETS[data.dataset].channels(data)


def on_grid(data: DataSettings) -> bool:
    return DATASETS[data.dataset].grid


def frames_per_clip(data: DataSettings) -> int:
    return DATASETS[data.dataset].frames(data)


def units(clips: Split, window: int) -> tuple[Tensor, Tensor]:
    """(clip, first frame) of every run of ``window`` frames that has a labelled one in it. A network without memory of
    its neighbours has windows of one frame."""
    clip_idx, frame_idx = clips.labelled_frames()
    pairs = torch.stack([clip_idx, frame_idx // window * window], 1)
    return tuple(torch.unique(pairs, dim=0).T) if window > 1 else (clip_idx, frame_idx)  # type: ignore[return-value]


def training_order(clips: Split, batch: int, seed: int, window: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (clip, frame) index batches of whole windows, ``batch`` frames or one window. A step's content depends on
    seed and step alone, so a resumed run agrees. torch takes seeds of 64 bits."""
    clip_idx, first = units(clips, window)
    together, epoch = max(1, batch // window), 0
    while True:
        generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**64)
        order = torch.randperm(len(clip_idx), generator=generator)
        for rows in order.split(together):
            if len(rows) == together or len(order) < together:
                frames = first[rows][:, None] + torch.arange(window)
                yield clip_idx[rows].repeat_interleave(window), frames.flatten()
        epoch += 1


def steps_per_epoch(clips: Split, batch: int, window: int = 1) -> int:
    return max(1, len(units(clips, window)[0]) // max(1, batch // window))

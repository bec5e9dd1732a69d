"""Settings -> splits, and the order in which training reads frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from avs import avsbench, chimes
from avs.split import Split
from experiments.errors import UserError
from experiments.settings import DataSettings


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """``split``: (data, name, count, 0: all) -> clips. ``channels`` of the mask and ``frames`` of a clip, by the data's
    settings. ``usual`` counts of clips. ``grid``: images and log-mels are dyadic numbers."""

    split: Callable[[DataSettings, str, int], Split]
    channels: Callable[[DataSettings], int]
    frames: Callable[[DataSettings], int]
    usual: dict[str, int]
    grid: bool


def chimes_split(data: DataSettings, name: str, count: int) -> Split:
    spec = chimes.ChimesSpec(variant=data.variant, classes=data.classes, seed=data.seed)
    return chimes.load(spec, name, count, Path(data.cache) if data.cache else None)


def avsbench_split(data: DataSettings, name: str, count: int) -> Split:
    try:
        return avsbench.load(data.variant, Path(data.root), name, image=data.image, count=count, workers=data.workers)
    except ValueError as error:
        raise UserError(str(error)) from error


DATASETS = {
    "chimes": Dataset(
        split=chimes_split,
        channels=lambda data: data.classes + 1 if data.variant == "semantic" else 1,
        frames=lambda data: chimes.ChimesSpec().frames,
        usual={"train": 1600, "val": 100, "test": 200},
        grid=True,
    ),
    "avsbench": Dataset(
        split=avsbench_split,
        channels=lambda data: avsbench.LAYOUTS[data.variant].classes,
        frames=lambda data: avsbench.LAYOUTS[data.variant].frames,
        usual={"train": 0, "val": 0, "test": 0},
        grid=False,
    ),
}


def wanted(data: DataSettings, name: str) -> int:
    """How many clips of a split: what the settings say, else the usual number, else 0, all that there are."""
    told = {"train": data.train, "val": data.val, "test": data.test}[name]
    return told or DATASETS[data.dataset].usual[name]


@lru_cache(maxsize=3)
def split(data: DataSettings, name: str) -> Split:
    """A split, read once a process: scoring asks for the same one many times, and nobody writes into it."""
    return DATASETS[data.dataset].split(data, name, wanted(data, name))


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
    seed and step alone, so a resumed run agrees."""
    clip_idx, first = units(clips, window)
    together, epoch = max(1, batch // window), 0
    while True:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(len(clip_idx), generator=generator)
        for rows in order.split(together):
            if len(rows) == together or len(order) < together:
                frames = first[rows][:, None] + torch.arange(window)
                yield clip_idx[rows].repeat_interleave(window), frames.flatten()
        epoch += 1


def steps_per_epoch(clips: Split, batch: int, window: int = 1) -> int:
    return max(1, len(units(clips, window)[0]) // max(1, batch // window))

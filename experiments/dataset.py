"""Settings -> splits, and what a dataset says of itself."""

from __future__ import annotations

from functools import lru_cache

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

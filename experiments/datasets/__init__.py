"""Datasets by name. A new one is a folder in `avs/` that gives an `avs.split.Split`, a file here with its settings and
what they mean for it, and its name in the line below; or, from outside, ``register``."""

from typing import Any

from common.registry import Registry
from experiments.datasets.avsbench import AVSBENCH, AvsbenchSettings
from experiments.datasets.chimes import CHIMES, ChimesSettings
from experiments.datasets.dataset import SPLITS, Dataset, DataSettings, Folder
from experiments.datasets.stamps import STAMPS, StampsSettings

DATASETS: Registry[Dataset[Any]] = Registry("dataset", CHIMES, AVSBENCH, STAMPS)


def register(dataset: Dataset[Any]) -> None:
    """For good; ``with DATASETS.including(dataset):`` for a while."""
    DATASETS.add(dataset)


__all__ = [
    "DATASETS",
    "SPLITS",
    "AvsbenchSettings",
    "ChimesSettings",
    "DataSettings",
    "Dataset",
    "Folder",
    "StampsSettings",
    "register",
]

"""Datasets by name. A new one is a folder in `avs/` that gives an `avs.split.Split`, a file here that says what the
settings mean for it, and its name in the line below; or, from outside, ``register``."""

from common.registry import Registry
from experiments.datasets.avsbench import AVSBENCH
from experiments.datasets.chimes import CHIMES
from experiments.datasets.dataset import SPLITS, Dataset, Folder

DATASETS: Registry[Dataset] = Registry("dataset", CHIMES, AVSBENCH)


def register(dataset: Dataset) -> None:
    """For good; ``with DATASETS.including(dataset):`` for a while."""
    DATASETS.add(dataset)


__all__ = ["DATASETS", "SPLITS", "Dataset", "Folder", "register"]

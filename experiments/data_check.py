"""Before anything is trained or written: what the run will read is there and whole, and clips enough to lend sounds."""

from __future__ import annotations

from avs.clip import knows_objects
from experiments.dataset import split
from experiments.datasets import DATASETS, SPLITS
from experiments.evaluate import require_donors
from experiments.settings import DataSettings


def require_data(data: DataSettings) -> None:
    """All splits of a run: training reads one, the choice of settings another, the report the third."""
    dataset = DATASETS[data.dataset]
    dataset.whole(data, {name: dataset.count(data, name) for name in SPLITS})
    test = split(data, "test")
    if knows_objects(test):
        require_donors(test, "data.test")

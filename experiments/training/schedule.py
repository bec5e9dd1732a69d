"""The learning rate of a step, as a factor of its peak: linear warm-up, then one of the shapes that the papers use."""

from __future__ import annotations

import math
from collections.abc import Callable

from experiments.settings import TrainSettings

# Progress after the warm-up, 0 to 1 -> factor. poly: what detectron2 calls WarmupPolyLR.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda t: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * t)),
    "constant": lambda t: 1.0,
    "poly": lambda t: (1 - t) ** 0.9,
}


def rate_factor(step: int, total: int, train: TrainSettings) -> float:
    """Of the update that follows ``step`` others; a schedule is also asked for the one after the last."""
    warm = max(1, round(train.warmup * total)) if train.warmup else 0
    if step < warm:
        return (step + 1) / warm
    return SCHEDULES[train.schedule](min(1.0, (step - warm) / max(1, total - warm)))

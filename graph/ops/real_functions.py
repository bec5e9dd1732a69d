"""What ``Act``, ``Gate`` and ``Score`` are where no neuron stands, in numpy.

scipy's functions are imported when they compute: a graph is built, drawn and checked without, in half the time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graph.ops.base import Array


def gelu(x: Array) -> Array:
    from scipy.special import erf

    return (x * 0.5 * (1 + erf(x / np.sqrt(2)))).astype(np.float32)


def sigmoid(x: Array) -> Array:
    from scipy.special import expit

    value: Array = expit(x)
    return value


def softmax(x: Array, ceiling: float) -> Array:
    """Over the last axis; it has no ceiling."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def clipped(x: Array, ceiling: float) -> Array:
    return np.clip(x, 0, np.float32(ceiling))


def share(x: Array, ceiling: float) -> Array:
    """Whole counts over their row's sum; a row without counts stays zero."""
    counts = np.round(clipped(x, ceiling))
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


ACTS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": gelu,
    "identity": lambda x: x,
}
GATES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": sigmoid,
    "hard": lambda x: np.clip(x + np.float32(0.5), 0, 1),
}
SCORES: dict[str, Callable[[Array, float], Array]] = {"softmax": softmax, "relu": clipped, "share": share}

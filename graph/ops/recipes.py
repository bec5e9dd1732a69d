"""Fixed tables, in numpy: sine positions and reference points. A ``Const`` names its recipe; nothing is saved.

Sine positions: a token's row in the first half of the channels, its column in the second, each as sine and cosine of
place / 10000^(2 i / half); places are counted from 1, or ``normalised``: the last row and column are at 2 pi.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graph.values import Shape

Array = NDArray[Any]
Recipe = Literal["zeros", "sine", "sine_normalised", "reference"]


def sine(dims: Shape, levels: tuple[Shape, ...], normalised: bool = False) -> Array:
    half = dims[-1] // 2
    frequency = 10_000.0 ** (2 * (np.arange(half) // 2) / half)

    def encoded(length: int) -> Array:
        place = np.arange(1, length + 1) * (2 * np.pi / (length + 1e-6) if normalised else 1.0)
        phase = place[:, None] / frequency
        return np.stack([np.sin(phase[:, 0::2]), np.cos(phase[:, 1::2])], -1).reshape(length, half)

    tables = []
    for height, width in levels:
        rows = np.broadcast_to(encoded(height)[:, None], (height, width, half))
        columns = np.broadcast_to(encoded(width)[None], (height, width, half))
        tables.append(np.concatenate([rows, columns], -1).reshape(height * width, 2 * half))
    return np.concatenate(tables).astype(np.float32)


def reference(dims: Shape, levels: tuple[Shape, ...]) -> Array:
    """The centre of every token, (x, y) in 0..1, the same on every level."""
    centres = []
    for height, width in levels:
        y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
        centres.append(np.stack([x, y], -1).reshape(-1, 2))
    every = np.concatenate(centres)[:, None]
    return np.broadcast_to(every, (len(every), len(levels), 2)).astype(np.float32)


RECIPES: dict[Recipe, Callable[[Shape, tuple[Shape, ...]], Array]] = {
    "zeros": lambda dims, levels: np.zeros(dims, np.float32),
    "sine": sine,
    "sine_normalised": lambda dims, levels: sine(dims, levels, normalised=True),
    "reference": reference,
}

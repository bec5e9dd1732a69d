"""Deterministic weights in place of trained ones: a key and its shape decide every number (float64, then fp32)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


def weight(key: str, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Matrices scaled by their fan-in, gains near 1, the rest near 0."""
    x = np.random.RandomState((zlib.crc32(key.encode()) + seed) % 2**32).standard_normal(shape)
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if key.endswith("running_var"):
        x = 1 + 0.1 * np.abs(x)
    elif len(shape) >= 2:
        x = x / np.sqrt(np.prod(shape[1:]))
    elif key.endswith("weight"):
        x = 1 + 0.1 * x
    else:
        x = 0.1 * x
    return torch.from_numpy(np.asarray(x, dtype=np.float32))


def filled(shapes: Mapping[str, list[int]], seed: int) -> dict[str, Tensor]:
    return {key: weight(key, tuple(shape), seed) for key, shape in shapes.items()}

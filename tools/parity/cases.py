"""What a parity case is: how one official model's vectors are made here, and how near they must come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ann.checkpoints.keymap import KeyMap
from graph.lower import Network

Array = NDArray[np.floating]
Outputs = Mapping[str, Tensor]
FRAMES = 5


def relative(ours: Array, wanted: Array) -> float:
    """|a - b| / |b|, Euclidean."""
    return float(np.linalg.norm(ours - wanted) / np.linalg.norm(wanted))


def spread(ours: Array, wanted: Array) -> float:
    """The largest difference in standard deviations of what is wanted."""
    return float(np.abs(ours - wanted).max() / wanted.std())


@dataclass(frozen=True, kw_only=True)
class Check:
    """One array of the vectors: how it is read off our outputs, and what is tolerated."""

    take: Callable[[Outputs], Tensor]
    tolerance: float = 1e-4
    measure: Callable[[Array, Array], float] = relative


@dataclass(frozen=True, kw_only=True)
class Case:
    """``module(size)``: our network for images of that many pixels, lowered, with every output that is compared.
    ``inputs(random, size)``: drawn in the official order from the seed's stream. ``checks``: array name -> check.
    ``chaotic``: a rounding becomes another picture, so that only a processor that rounds as the one that made the
    vectors can decide."""

    module: Callable[[int], Network]
    keys: KeyMap
    checks: Mapping[str, Check]
    inputs: Callable[[np.random.RandomState, int], dict[str, Tensor]]
    notes: Callable[[Outputs, Mapping[str, Array]], str] = lambda outputs, wanted: ""
    chaotic: bool = False


def image_and_sound(random: np.random.RandomState, size: int) -> dict[str, Tensor]:
    """Frames, then log-mel examples, of one clip."""
    shapes = {"image": (FRAMES, 3, size, size), "logmel": (FRAMES, 1, 96, 64)}
    return {name: torch.from_numpy(random.standard_normal(shape).astype("f4")) for name, shape in shapes.items()}


def mean_std(logits: Tensor) -> Tensor:
    return torch.stack([logits.mean(), logits.std()])

"""``Target``: one form that a network can leave in, and how it is judged before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from events.bounds import bounds
from graph.lower import Network
from graph.ops import Array


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``network``: deployed, its mask alone; ``arrays``: its numbers; ``clip``: the frames of one whole clip, and
    ``logits`` what they give; ``together``: how many frames it looks at in a row; ``frames`` of one call."""

    network: Network
    arrays: Mapping[str, Array]
    clip: Mapping[str, Tensor]
    logits: Array
    together: int
    frames: int

    def inputs(self, first: int, last: int) -> dict[str, Array]:
        return {name: x[first:last].numpy() for name, x in self.clip.items() if name in self.network.graph.nodes}


@dataclass(frozen=True, kw_only=True)
class Written:
    """``report``: what export.json says of it; ``line``: the same for a reader."""

    content: bytes
    report: dict[str, Any] = field(default_factory=dict)
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """``write`` raises a ValueError that says why a network cannot be had in this form. ``packages``: what it imports,
    from the extra "export"."""

    name: str
    suffix: str
    packages: tuple[str, ...]
    write: Callable[[Asked], Written]


CLOSE = 1e-4  # of the largest logit


def same_bits(a: Array, b: Array) -> bool:
    return a.shape == b.shape and np.array_equal(a.view(np.int32), b.view(np.int32))


def apart(a: Array, b: Array) -> float:
    """The largest difference, as a share of the largest logit where that is above 1."""
    return float(np.abs(a - b).max() / max(1.0, float(np.abs(b).max())))


def fullest(asked: Asked) -> tuple[str, float]:
    """The node whose sums could grow largest, whatever the frames, and how large: as a share of 2**24 grid steps."""
    largest = max(float(x.abs().max()) for x in asked.clip.values())
    shares = bounds(asked.network.graph, asked.arrays, largest)
    name = max(shares, key=lambda node: shares[node], default="")
    return name, shares.get(name, 0.0)


__all__ = ["CLOSE", "Asked", "Target", "Written", "apart", "fullest", "same_bits"]

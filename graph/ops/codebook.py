"""Vector quantisation: ``Codebook``, and ``SquaredError``, which pulls one value towards another in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from graph.ops.base import Array, Op, Part, Scaled, broadcast, rows_touched, size
from graph.values import Kind, Shape, Spike


@dataclass(frozen=True, kw_only=True)
class Codebook(Scaled):
    """y_n = e_k,  k = argmin_k |x_n - e_k|^2 = argmin_k (|e_k|^2 / 2 - x_n . e_k),  the first of equals; on [..., dim].

    Nodes of equal ``weights`` read one codebook; product quantisation is a ``View`` that splits a feature into groups
    before it. The entries are no parameters: gradients pass straight through (dy/dx = 1) to x alone, and, in training,
    a node that ``updates`` moves every entry to the running mean of what chose it, after it has answered:

        N_k <- smooth(decay N_k + (1 - decay) n_k),   smooth(N_k) = (N_k + eps) S / (S + entries eps),  S = sum_k N_k
        m_k <- decay m_k + (1 - decay) sum_{n chose k} x_n,   e_k <- m_k / N_k

    ``updates`` is a node's own business and not the codebook's, so it is left out of the equality that shared weights
    demand. MACs are those of x . e_k; |e_k|^2 / 2 is stored.
    """

    events_on: ClassVar[tuple[int, ...]] = (0,)
    product: ClassVar[bool] = True
    buffers: ClassVar[tuple[str, ...]] = ("entries",)
    entries: int
    dim: int
    decay: float = 0.99
    eps: float = 1e-5
    updates: bool = field(default=False, compare=False)

    def shape(self, *inputs: Shape) -> Shape:
        if inputs[0][-1] != self.dim:
            raise ValueError(f"Codebook holds entries of {self.dim} features, found {inputs[0][-1]}")
        return inputs[0]

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * self.entries

    def keywords(self) -> Mapping[str, bool]:
        return {"update": True} if self.updates else {}

    def parts(self, kinds: tuple[Kind, ...], out: Shape, *inputs: Shape) -> tuple[Part, ...]:
        reason = "" if isinstance(kinds[0], Spike) else "distances to the entries of a codebook"
        return (Part(self.multiplies(out, *inputs), reason, self.macs(out, *inputs)),)

    def tables(self) -> Mapping[str, Shape]:
        return {"entries": (self.entries, self.dim)}

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        return rows_touched(changed[0])

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        (x,), entries = inputs, tables["entries"]
        return self.nearest((x * np.float32(unit)) @ entries.T, entries)

    def nearest(self, products: Array, entries: Array) -> Array:
        """``products``: x . e_k."""
        distances = np.square(entries).sum(-1) / 2 - products
        return entries[distances.argmin(-1)]


@dataclass(frozen=True, kw_only=True)
class SquaredError(Op):
    """y = weight * mean((x - sg(target))^2) over all axes -> [1]; sg: the target is a constant to the gradient, and
    broadcasts to x. A training loss: no mask depends on it."""

    arity: ClassVar[int | None] = 2
    product: ClassVar[bool] = True
    reason: ClassVar[str] = "training loss"
    weight: float = 1.0

    def shape(self, *inputs: Shape) -> Shape:
        if broadcast(*inputs) != inputs[0]:
            raise ValueError(f"SquaredError target {inputs[1]} does not broadcast to {inputs[0]}")
        return (1,)

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(inputs[0]) + 1

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        x, target = inputs
        error = np.square(x - target)
        return np.float32(self.weight) * error.reshape(len(error), -1).mean(1, keepdims=True)

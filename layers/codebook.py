"""Modules of ``Codebook`` and ``SquaredError``: nearest entries with a straight-through gradient, learnt by EMA.

(van den Oord et al., Neural Discrete Representation Learning, 2017, appendix A.1.) The buffers ``entries`` [K, d],
``counts`` [K] and ``sums`` [K, d] are saved with the weights. Every entry starts with a count of 1, so that one which
nobody chooses keeps its place at first, then drifts to zero as Laplace smoothing fills its count; it stays finite.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graph import ops


class StraightThrough(torch.autograd.Function):
    """y = q, exactly; dy/dx = 1."""

    @staticmethod
    def forward(x: Tensor, q: Tensor) -> Tensor:
        return q.view_as(q)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class Codebook(nn.Module):
    """x [..., d] -> the nearest of ``entries`` [K, d]. ``update``: then learn from x, in training mode."""

    entries: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, op: ops.Codebook) -> None:
        super().__init__()
        self.decay, self.eps = op.decay, op.eps
        self.register_buffer("entries", torch.randn(op.entries, op.dim))
        self.register_buffer("counts", torch.ones(op.entries))
        self.register_buffer("sums", self.entries.clone())

    def forward(self, x: Tensor, unit: Tensor | None = None, update: bool = False) -> Tensor:
        x = x if unit is None else x * unit
        rows = x.detach().reshape(-1, x.shape[-1]).to(self.entries.dtype)
        entry = self.nearest(rows)
        picked = F.embedding(entry, self.entries).reshape(x.shape).to(x.dtype)
        if update and self.training:
            self.learn(rows, entry)
        return StraightThrough.apply(x, picked)

    @torch.no_grad()
    def nearest(self, rows: Tensor) -> Tensor:
        """[N, d] -> [N], the first of entries equally near."""
        return (self.entries.square().sum(-1) / 2 - rows @ self.entries.mT).argmin(-1)

    @torch.no_grad()
    def learn(self, rows: Tensor, entry: Tensor) -> None:
        """A product with one-hot rows and not a scatter, whose order of additions is not fixed on every device."""
        chose = F.one_hot(entry, len(self.entries)).to(rows.dtype)
        counts = self.decay * self.counts + (1 - self.decay) * chose.sum(0)
        total = counts.sum()
        self.counts.copy_((counts + self.eps) * total / (total + len(counts) * self.eps))
        self.sums.mul_(self.decay).add_(chose.mT @ rows, alpha=1 - self.decay)
        self.entries.copy_(self.sums / self.counts[:, None])

    def extra_repr(self) -> str:
        return f"entries={self.entries.shape[0]}, dim={self.entries.shape[1]}, decay={self.decay}"


def squared_error(x: Tensor, target: Tensor, weight: float = 1.0) -> Tensor:
    """[B, ...] and [B, ...] -> [B, 1]."""
    return weight * (x - target.detach()).square().flatten(1).mean(1, keepdim=True)

"""``Tally``: a tensor of small whole numbers, checked and looked at once, however many nodes read it.

Sums are exact: fp32 holds every whole number below 2**24, so a row is added up in fp32 where its largest possible sum
stays below that, and in fp64 otherwise; rows are added up in fp64.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

EXACT = 2**24
FEW_LEVELS = 8


def indicator(x: Tensor) -> Tensor:
    """1 where x is not zero, as fp32, in one pass."""
    return torch.ne(x, 0, out=torch.empty(x.shape, dtype=torch.float32, device=x.device))


def popcount(n: Tensor, most: int | None = None) -> Tensor:
    """The number of ones in the binary form of |n|, |n| <= most."""
    size = n.abs().to(torch.float32)
    most = int(size.max()) if most is None and size.numel() else most or 0
    if most <= FEW_LEVELS:
        ones, at_level = indicator(size), torch.empty(size.shape, dtype=torch.float32, device=size.device)
        for level in range(3, most + 1):
            if more := level.bit_count() - 1:
                ones.add_(torch.eq(size, level, out=at_level), alpha=more)
        return ones
    ones, left = size.clone(), size  # n - floor(n/2) - floor(n/4) - ..., after Legendre
    while most := most >> 1:
        left = (left / 2).floor_()
        ones -= left
    return ones


def added_up(x: Tensor, most: float, weights: Tensor | None = None) -> Tensor:
    """Sums of the last axis, times ``weights`` there, in fp64; |x| <= most. A mask is 0 and 1."""
    if x.dtype == torch.bool:
        x, most = indicator(x), 1
    largest = most * (x.shape[-1] if weights is None else float(weights.sum()))
    if largest >= EXACT or x.dtype != torch.float32:
        x = x.double()
    total = x.sum(-1) if weights is None else x @ weights.to(x.dtype)
    return total.double()


class Tally:
    """``n``: as the network holds it. ``most``: the largest |n| that it holds. ``events`` and ``actives``: sums of the
    last axis of |n|, and of how many are not zero."""

    def __init__(self, n: Tensor) -> None:
        self.n = n.detach() if n.is_floating_point() else n.detach().float()

    def viewed(self, n: Tensor) -> Tally:
        """Of the same numbers in another shape: what is known of them stays known."""
        other = Tally(n)
        for name, known in vars(self).items():
            if name in ("size", "active", "ones"):
                vars(other)[name] = known.reshape(n.shape)
            elif name in ("whole", "ends"):
                vars(other)[name] = known
        return other

    @cached_property
    def whole(self) -> bool:
        return torch.equal(self.n, self.n.round())

    @cached_property
    def ends(self) -> tuple[float, float]:
        if not self.n.numel():
            return 0.0, 0.0
        low, high = self.n.aminmax()
        return float(low), float(high)

    @property
    def most(self) -> float:
        return max(abs(end) for end in self.ends)

    @cached_property
    def size(self) -> Tensor:
        """|n|."""
        return self.n if self.ends[0] >= 0 else self.n.abs()

    @cached_property
    def active(self) -> Tensor:
        return self.size if self.most <= 1 else indicator(self.n)

    @cached_property
    def ones(self) -> Tensor:
        return self.active if self.most <= 1 else popcount(self.size, int(self.most))

    @cached_property
    def events(self) -> Tensor:
        return added_up(self.size, self.most)

    @cached_property
    def actives(self) -> Tensor:
        return self.events if self.most <= 1 else added_up(self.active, 1)

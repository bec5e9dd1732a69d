"""How a tensor [T, ...] lies in memory. The kernels walk memory in its own order: T outermost, the rest dense in any.

Channels-first and channels-last are then the same to a neuron; only an affine has to know where its channel is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil

import torch
from torch import Tensor

LARGE = 1 << 15  # neurons of a step
SPAN = 32  # rows that a thread walks where columns are channels
CPU_LANES = 256  # neurons of one "thread" on a CPU: long enough to hide its call, short enough for the nearest cache


@dataclass(frozen=True)
class Cut:
    """The N neurons of a step as ``rows`` x ``width``, and where the channel is.

    ``affine`` 0: nowhere; 1: a row has one, row % channels; 2: every column is one, column % channels. A row may then
    hold the channels several times (``repeat``): a few channels alone would leave most lanes of a CPU idle.
    """

    affine: int
    rows: int
    width: int
    channels: int

    @property
    def repeat(self) -> int:
        return self.width // self.channels if self.affine == 2 else 1

    def along(self, numbers: Tensor | None) -> Tensor | None:
        """Numbers per channel [..., channels] as the kernel wants them: one a column of a row."""
        if numbers is None or self.repeat == 1:
            return numbers
        return numbers.repeat(*(1 for _ in numbers.shape[1:]), self.repeat)

    @property
    def span(self) -> int:
        return SPAN if self.affine == 2 else 1

    @property
    def groups(self) -> int:
        return ceil(self.rows / self.span)

    def chunks(self, lanes: int) -> int:
        return ceil(self.width / lanes)

    def per_channel(self, partial: Tensor, lanes: int, dtype: torch.dtype | None = None) -> Tensor:
        """Sums that the threads of a launch left, [..., parts] -> [..., channels]."""
        if self.affine == 2:
            return partial.unflatten(-1, (-1, self.channels)).sum(-2, dtype=dtype)
        return partial.unflatten(-1, (-1, self.channels, self.chunks(lanes))).sum((-3, -1), dtype=dtype)


def cut(x: Tensor, channel: int | None) -> Cut:
    """``channel``: the dimension of the dense x [T, ...] that an affine belongs to, or None without one."""
    neurons = x[0].numel()
    if channel is None or neurons == 0:
        return Cut(0, 1, neurons, 1)
    count, inner = x.shape[channel], x.stride(channel)
    if count == 1:
        return Cut(1, 1, neurons, 1)
    if inner != 1:
        return Cut(1, neurons // inner, inner, count)
    together = side_by_side(neurons // count, count) if x.device.type == "cpu" else 1
    return Cut(2, neurons // count // together, count * together, count)


@cache
def side_by_side(rows: int, count: int) -> int:
    """How many rows of ``count`` channels a wider row may hold: a divisor of their number. Small maps are left alone:
    to lay out their numbers per channel would cost more than their lanes gain."""
    if rows * count < LARGE:
        return 1
    return max((n for n in range(1, max(CPU_LANES // count, 1) + 1) if rows % n == 0), default=1)


def is_dense(x: Tensor) -> bool:
    first = x[0]
    gapless = torch.ops.aten.is_non_overlapping_and_dense.default(first)
    return bool(gapless) and (x.shape[0] == 1 or x.stride(0) == first.numel())


def dense(x: Tensor) -> Tensor:
    return x if is_dense(x) else x.contiguous()


def ordered_as(x: Tensor, other: Tensor | None) -> Tensor | None:
    """``other``, of x's shape, in x's type and order."""
    if other is None or (other.dtype == x.dtype and other.stride() == x.stride()):
        return other
    return torch.empty_like(x).copy_(other)


def membrane_like(x: Tensor) -> Tensor:
    """Room for the membrane of x: one step, float32, in the order of x."""
    return torch.empty_like(x[0], dtype=torch.float32)


def as_membrane(x: Tensor, v: Tensor | None) -> Tensor | None:
    if v is None:
        return None
    like = membrane_like(x)
    return v if v.dtype == torch.float32 and v.stride() == like.stride() else like.copy_(v)

"""Ops with a weight per synapse: ``Conv``, ``Linear``; and the affine ops ``Norm``, ``LayerScale``."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from graph.ops.base import Fanout, Op, Scaled, size
from graph.values import Shape


def taps_per_input(length: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[int, ...]:
    """For each input position along one axis, how many output positions read it (padding and stride respected)."""
    outputs = (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    counts = [0] * length
    for o in range(outputs):
        for k in range(kernel):
            i = o * stride - padding + k * dilation
            if 0 <= i < length:
                counts[i] += 1
    return tuple(counts)


@dataclass(frozen=True, kw_only=True)
class Conv(Scaled):
    """y[o, r, c] = b[o] + sum_{i, u, v} w[o, i, u, v] x[i, r s - p + u d, c s - p + v d] on [C, H, W]."""

    events_on: ClassVar[tuple[int, ...]] = (0,)
    linear_in: ClassVar[tuple[int, ...]] = (0,)
    weighted: ClassVar[bool] = True
    cin: int
    cout: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    init: str = "kaiming"

    def shape(self, *inputs: Shape) -> Shape:
        (channels, *lengths) = inputs[0]
        if channels != self.cin:
            raise ValueError(f"Conv expects {self.cin} input channels, found {channels}")
        spans = (
            (n + 2 * self.padding - self.dilation * (k - 1) - 1) // self.stride + 1
            for n, k in zip(lengths, self.kernel, strict=True)
        )
        return (self.cout, *spans)

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * self.cin // self.groups * prod(self.kernel)

    def fanout(self, *inputs: Shape) -> Fanout:
        _, height, width = inputs[0]
        rows, columns = (
            taps_per_input(n, k, self.stride, self.padding, self.dilation)
            for n, k in zip((height, width), self.kernel, strict=True)
        )
        return Fanout(rows, columns, self.cout // self.groups)

    def parameters(self) -> int:
        return self.cout * self.cin // self.groups * prod(self.kernel) + self.bias * self.cout


@dataclass(frozen=True, kw_only=True)
class Linear(Scaled):
    """y = W x + b on the last axis of [..., C]."""

    events_on: ClassVar[tuple[int, ...]] = (0,)
    linear_in: ClassVar[tuple[int, ...]] = (0,)
    weighted: ClassVar[bool] = True
    cin: int
    cout: int
    bias: bool = True
    init: str = "xavier"

    def shape(self, *inputs: Shape) -> Shape:
        if inputs[0][-1] != self.cin:
            raise ValueError(f"Linear expects {self.cin} features, found {inputs[0][-1]}")
        return (*inputs[0][:-1], self.cout)

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * self.cin

    def fanout(self, *inputs: Shape) -> Fanout:
        return Fanout((1,), (1,), self.cout)

    def parameters(self) -> int:
        return self.cin * self.cout + self.bias * self.cout


@dataclass(frozen=True, kw_only=True)
class Norm(Op):
    """y = gamma (x - mean) / sqrt(var + eps) + beta.

    ``batch``: the statistics are constants at inference, so it is affine per channel and can be folded. ``layer`` and
    ``group`` compute theirs from x, so they stay and are charged. ``axis`` is 0 for [C, H, W] and -1 for [N, C].
    """

    form: str = "batch"
    channels: int
    axis: int = 0
    groups: int = 1
    eps: float = 1e-5

    @property
    def foldable(self) -> bool:
        return self.form == "batch"

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * (1 if self.foldable else 3)  # (square, scale, gamma) when the statistics are live

    def parameters(self) -> int:
        return 2 * self.channels


@dataclass(frozen=True, kw_only=True)
class LayerScale(Op):
    """y = gamma x, one gamma per channel of the last axis."""

    channels: int
    init_value: float = 1e-4

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out)

    def parameters(self) -> int:
        return self.channels

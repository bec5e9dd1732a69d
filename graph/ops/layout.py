"""Layout and resolution: ``View Concat Slice Pad Reduce Pool Upsample Downsample Resize Fold Unfold Drop Quantize``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from graph.ops.base import Array, Keep, Op, size
from graph.pattern import Pattern
from graph.values import REAL, Clock, Integer, Kind, Shape, Spike, counts_site, magnitude

REDUCTIONS: dict[str, Callable[..., Any]] = {"mean": np.mean, "sum": np.sum, "max": np.max}


class Between:
    """Mixin: it may stand between a neuron and its reader, so a neuron is computed above it and not below."""

    @property
    def hoists(self) -> bool:
        return self.moves  # type: ignore[attr-defined, no-any-return]


def axis_of(axis: int) -> int:
    """An axis of a value without its batch, as one of an array with it."""
    return axis if axis < 0 else axis + 1


def between(length: int, factor: int) -> tuple[Array, Array, Array]:
    """Half-pixel centres, clamped: lower tap, upper tap, and the upper's share."""
    centre = np.maximum((np.arange(length * factor) + 0.5) / factor - 0.5, 0)
    low = np.floor(centre).astype(int)
    return low, np.minimum(low + 1, length - 1), (centre - low).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class View(Between, Keep, Op):
    """Reshape and permute by a pattern: ``"c h w -> (h w) c"``; unknown factors come from ``sizes``."""

    pattern: str
    sizes: tuple[tuple[str, int], ...] = ()

    def shape(self, *inputs: Shape) -> Shape:
        return Pattern.parse(self.pattern, self.sizes).resolve(inputs[0]).out

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        (x,) = inputs
        plan = Pattern.parse(self.pattern, self.sizes).resolve(x.shape[1:])
        split = x.reshape(len(x), *plan.split).transpose(0, *(i + 1 for i in plan.order))
        return split.reshape(len(x), *plan.out)


@dataclass(frozen=True, kw_only=True)
class Concat(Op):
    """Concatenate along ``axis``. Counts of one site stay counts; of several, they are real values."""

    arity: ClassVar[int | None] = None
    axis: int = 0

    @property
    def moves(self) -> bool:
        return True

    def shape(self, *inputs: Shape) -> Shape:
        first, axis = inputs[0], self.axis % len(inputs[0])
        for other in inputs[1:]:
            if other[:axis] + other[axis + 1 :] != first[:axis] + first[axis + 1 :]:
                raise ValueError(f"Concat along axis {self.axis} does not fit shapes {first} and {other}")
        return (*first[:axis], sum(s[axis] for s in inputs), *first[axis + 1 :])

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        return kinds[0] if counts_site(kinds[0]) and len(set(kinds)) == 1 else REAL

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        rows = max(map(len, inputs))
        same = [np.broadcast_to(x, (rows, *x.shape[1:])) for x in inputs]
        return np.concatenate(same, axis=axis_of(self.axis))


@dataclass(frozen=True, kw_only=True)
class Slice(Between, Keep, Op):
    """y = x[start:stop] along ``axis``."""

    axis: int = 0
    start: int = 0
    stop: int

    def shape(self, *inputs: Shape) -> Shape:
        axis = self.axis % len(inputs[0])
        if not 0 <= self.start < self.stop <= inputs[0][axis]:
            raise ValueError(f"Slice {self.start}:{self.stop} does not fit axis {axis} of {inputs[0]}")
        return (*inputs[0][:axis], self.stop - self.start, *inputs[0][axis + 1 :])

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return np.take(inputs[0], np.arange(self.start, self.stop), axis=axis_of(self.axis))


@dataclass(frozen=True, kw_only=True)
class Reduce(Op):
    """Sum, mean or max over ``axes``, kept with length 1."""

    reason: ClassVar[str] = "average"
    fn: Literal["mean", "sum", "max"] = "mean"
    axes: tuple[int, ...] = (-1,)

    def _axes(self, rank: int) -> set[int]:
        return {a % rank for a in self.axes}

    @property
    def moves(self) -> bool:
        return self.fn == "max"

    @property
    def carries(self) -> bool:
        return True

    def shape(self, *inputs: Shape) -> Shape:
        axes = self._axes(len(inputs[0]))
        return tuple(1 if i in axes else n for i, n in enumerate(inputs[0]))

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) if self.fn == "mean" else 0

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        return kinds[0] if self.fn == "max" else REAL  # the bound of a sum needs a shape; real is the safe claim

    @property
    def chooses(self) -> bool:
        return self.fn == "max"

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        axes = tuple(axis_of(a) for a in self.axes)
        return REDUCTIONS[self.fn](inputs[0], axis=axes, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class Pool(Between, Op):
    """Max or average over windows of [C, H, W]. Max keeps spikes; an average of spikes is an integer."""

    reason: ClassVar[str] = "average"
    fn: Literal["max", "avg"] = "max"
    kernel: int = 2
    stride: int = 2
    padding: int = 0

    @property
    def moves(self) -> bool:
        return self.fn == "max"

    @property
    def carries(self) -> bool:
        return True

    def shape(self, *inputs: Shape) -> Shape:
        channels, *lengths = inputs[0]
        return (channels, *((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in lengths))

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) if self.fn == "avg" else 0

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        bound = magnitude(kinds[0])
        if self.fn == "max" or bound is None:
            return kinds[0]
        return Integer(bound * self.kernel**2)

    @property
    def chooses(self) -> bool:
        return self.fn == "max"

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        (x,), p, k = inputs, self.padding, self.kernel
        outside = -np.inf if self.fn == "max" else 0.0
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=outside)
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, :: self.stride, :: self.stride]
        return (windows.max((-2, -1)) if self.fn == "max" else windows.mean((-2, -1))).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Upsample(Between, Op):
    """Resize [C, H, W] by an integer ``factor``; nearest keeps spikes, bilinear (half-pixel centres) is real."""

    reason: ClassVar[str] = "bilinear interpolation"
    factor: int = 2
    mode: Literal["bilinear", "nearest"] = "bilinear"

    @property
    def moves(self) -> bool:
        return self.mode == "nearest"

    @property
    def carries(self) -> bool:
        return True

    def shape(self, *inputs: Shape) -> Shape:
        channels, *lengths = inputs[0]
        return (channels, *(n * self.factor for n in lengths))

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return 4 * size(out) if self.mode == "bilinear" else 0

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        return kinds[0] if self.mode == "nearest" else REAL

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        (x,) = inputs
        if self.mode == "nearest":
            return x.repeat(self.factor, axis=2).repeat(self.factor, axis=3)
        low, high, share = between(x.shape[2], self.factor)
        x = x[:, :, low] * (1 - share[:, None]) + x[:, :, high] * share[:, None]
        low, high, share = between(x.shape[3], self.factor)
        return x[..., low] * (1 - share) + x[..., high] * share


@dataclass(frozen=True, kw_only=True)
class Downsample(Between, Op):
    """[C, H, W] at one pixel in ``divisor``, which divides H and W. nearest: the first of each block, so spikes stay;
    bilinear (half-pixel centres, no antialias): the middle pixel of each block, or the mean of its middle four."""

    reason: ClassVar[str] = "average"
    divisor: int
    mode: Literal["bilinear", "nearest"] = "bilinear"

    @property
    def moves(self) -> bool:
        return not self.averages

    @property
    def carries(self) -> bool:
        return True

    def shape(self, *inputs: Shape) -> Shape:
        channels, *lengths = inputs[0]
        if any(n % self.divisor for n in lengths):
            raise ValueError(f"Downsample by {self.divisor} does not divide shape {inputs[0]}")
        return (channels, *(n // self.divisor for n in lengths))

    @property
    def averages(self) -> bool:
        return self.mode == "bilinear" and self.divisor % 2 == 0

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) if self.averages else 0

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        bound = magnitude(kinds[0])
        return kinds[0] if not self.averages or bound is None else Integer(bound * 4)

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        (x,), d = inputs, self.divisor
        if not self.averages:
            start = d // 2 if self.mode == "bilinear" else 0
            return x[..., start::d, start::d]
        low = d // 2 - 1
        four = [x[..., low + r :: d, low + c :: d] for r in (0, 1) for c in (0, 1)]
        return sum(four[1:], four[0]) / np.float32(4)


@dataclass(frozen=True, kw_only=True)
class Resize(Between, Keep, Op):
    """[C, H, W] to any height and width, nearest: y[r, c] = x[floor(r H / height), floor(c W / width)]."""

    size: tuple[int, int]

    def shape(self, *inputs: Shape) -> Shape:
        if min(self.size) < 1:
            raise ValueError(f"Resize to {self.size} leaves nothing of shape {inputs[0]}")
        return (inputs[0][0], *self.size)

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        (x,) = inputs
        rows, columns = (np.arange(n) * length // n for n, length in zip(self.size, x.shape[2:], strict=True))
        return x[:, :, rows][..., columns]


@dataclass(frozen=True, kw_only=True)
class Pad(Between, Keep, Op):
    """Zeros around [C, H, W]: ``before`` rows and columns at the start, ``after`` at the end."""

    before: int = 0
    after: int = 0

    def shape(self, *inputs: Shape) -> Shape:
        channels, *lengths = inputs[0]
        return (channels, *(n + self.before + self.after for n in lengths))

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        around = (self.before, self.after)
        return np.pad(inputs[0], ((0, 0), (0, 0), around, around))


@dataclass(frozen=True, kw_only=True)
class Unfold(Between, Keep, Op):
    """Batch of frames -> clips: [B F, ...] -> [B, F, ...]; the shape gains a leading F."""

    frames: int

    def shape(self, *inputs: Shape) -> Shape:
        return (self.frames, *inputs[0])

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0].reshape(-1, self.frames, *inputs[0].shape[1:])


@dataclass(frozen=True, kw_only=True)
class Fold(Between, Keep, Op):
    """Clips -> batch of frames: [B, F, ...] -> [B F, ...]."""

    frames: int

    def shape(self, *inputs: Shape) -> Shape:
        if inputs[0][0] != self.frames:
            raise ValueError(f"Fold of {self.frames} frames does not fit shape {inputs[0]}")
        return inputs[0][1:]

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0].reshape(-1, *inputs[0].shape[2:])


@dataclass(frozen=True, kw_only=True)
class Drop(Between, Keep, Op):
    """Dropout (``path`` = False) or DropPath in training, identity after. One mask per clip, shared over the steps."""

    p: float
    path: bool = False

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0]


@dataclass(frozen=True, kw_only=True)
class Quantize(Op):
    """y = round(x * 2**bits) / 2**bits, straight-through; identity in the real-valued dialect."""

    bits: int

    elementwise: ClassVar[bool] = True

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return 0  # a shift and a truncation

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        whole = np.float32(2.0**self.bits)
        return np.round(inputs[0] * whole) / whole


@dataclass(frozen=True, kw_only=True)
class Expand(Keep, Op):
    """static -> once (second argument: any once value, for its batch), or once -> stepped (repeat T times)."""

    arity: ClassVar[int | None] = None
    timed: ClassVar[bool] = True
    to: Literal["once", "stepped"] = "stepped"

    def clock(self, *clocks: Clock) -> Clock:
        return Clock.STEPPED if self.to == "stepped" else Clock.ONCE

    def meaning(self, *inputs: Array, steps: int = 1, **tables: Any) -> Array:
        if self.to == "stepped":
            return np.tile(inputs[0], (steps, *(1 for _ in inputs[0].shape[1:])))
        x, like = inputs
        return np.broadcast_to(x, (len(like), *x.shape[1:]))


@dataclass(frozen=True, kw_only=True)
class Decode(Op):
    """stepped -> once: the mean over the T steps; of counts (``count``) their sum: an integer, no longer an event."""

    timed: ClassVar[bool] = True
    fn: Literal["mean", "count"] = "mean"

    def clock(self, *clocks: Clock) -> Clock:
        return Clock.ONCE

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        bound = magnitude(kinds[0])
        spike = kinds[0] if isinstance(kinds[0], Spike) else None
        return REAL if bound is None else Integer(bound * steps, spike)

    def meaning(self, *inputs: Array, steps: int = 1, **tables: Any) -> Array:
        first, *others = inputs[0].reshape(steps, -1, *inputs[0].shape[1:])
        total = sum(others, first)
        return total if self.fn == "count" else total / np.float32(steps)

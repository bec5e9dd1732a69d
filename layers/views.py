"""Functions for the ops that only move values. Every one keeps the leading batch axis."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from graph import ops
from graph.dialect import Call
from graph.pattern import Pattern


def rearrange(x: Tensor, pattern: str, sizes: tuple[tuple[str, int], ...] = ()) -> Tensor:
    plan = Pattern.parse(pattern, sizes).resolve(tuple(x.shape[1:]))
    y = x.reshape(x.shape[0], *plan.split).permute(0, *(i + 1 for i in plan.order))
    return y.reshape(x.shape[0], *plan.out)


def view(op: ops.View) -> Call:
    return Call(rearrange, (op.pattern, op.sizes) if op.sizes else (op.pattern,))


def _axis(axis: int) -> int:
    """An axis of a value without batch, as an axis of the tensor."""
    return axis if axis < 0 else axis + 1


def concat(op: ops.Concat) -> Call:
    return Call(torch.cat, (_axis(op.axis),), star=True)


def narrow(op: ops.Slice) -> Call:
    return Call(torch.narrow, (_axis(op.axis), op.start, op.stop - op.start))


REDUCE: dict[str, Callable[..., Tensor]] = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax}


def reduce(op: ops.Reduce) -> Call:
    return Call(REDUCE[op.fn], (tuple(_axis(a) for a in op.axes),), {"keepdim": True})


POOL: dict[str, Callable[..., Tensor]] = {"max": F.max_pool2d, "avg": F.avg_pool2d}


def pool(op: ops.Pool) -> Call:
    return Call(POOL[op.fn], (op.kernel, op.stride, op.padding))


def upsample(op: ops.Upsample) -> Call:
    extra = {"align_corners": False} if op.mode == "bilinear" else {}
    return Call(F.interpolate, (), {"scale_factor": float(op.factor), "mode": op.mode, **extra})


def halfway(x: Tensor, divisor: int) -> Tensor:
    """The mean of the middle four pixels of every ``divisor`` x ``divisor`` block; ``divisor`` is even."""
    low = divisor // 2 - 1
    tiles = x.unflatten(-1, (-1, divisor)).unflatten(-3, (-1, divisor))
    return tiles[..., low : low + 2, :, low : low + 2].mean((-3, -1))


def every(x: Tensor, divisor: int, start: int = 0) -> Tensor:
    return x[..., start::divisor, start::divisor]


def downsample(op: ops.Downsample) -> Call:
    if op.averages:
        return Call(halfway, (op.divisor,))
    return Call(every, (op.divisor, op.divisor // 2 if op.mode == "bilinear" else 0))


def resize(op: ops.Resize) -> Call:
    return Call(F.interpolate, (), {"size": op.size, "mode": "nearest"})


def pad(op: ops.Pad) -> Call:
    return Call(F.pad, ((op.before, op.after, op.before, op.after),))


def to_clips(x: Tensor, frames: int) -> Tensor:
    return x.unflatten(0, (-1, frames))


def to_frames(x: Tensor) -> Tensor:
    return x.flatten(0, 1)


def like_batch(x: Tensor, like: Tensor) -> Tensor:
    """A static value [1, ...] seen once per frame."""
    return x.expand(like.shape[0], *x.shape[1:])


def over_steps(x: Tensor, steps: int) -> Tensor:
    """Repeat T times, T-major: [B, ...] -> [T B, ...]."""
    return x.repeat(steps, *(1 for _ in x.shape[1:]))


def sum_over_steps(x: Tensor, steps: int) -> Tensor:
    return x.unflatten(0, (steps, -1)).sum(0)


def mean_over_steps(x: Tensor, steps: int) -> Tensor:
    """Step by step, first to last, as a network does that is called once a step."""
    first, *others = x.unflatten(0, (steps, -1)).unbind(0)
    return sum(others, first) / steps


BLOCKED = -1e4  # nothing is left of it behind a softmax, and a membrane that integrates it stays a number


def masked(scores: Tensor, mask: Tensor, threshold: float) -> Tensor:
    keep = mask >= threshold
    keep = keep | ~keep.any(-1, keepdim=True)
    return scores.masked_fill(~keep, BLOCKED)


def matmul(a: Tensor, b: Tensor, scale: float = 1.0, unit: Tensor | None = None) -> Tensor:
    y = a @ b if scale == 1.0 else a @ b * scale
    return y if unit is None else y * unit


def product(a: Tensor, b: Tensor, unit: Tensor) -> Tensor:
    """The unit goes into the smaller of the two."""
    return a * (b * unit) if a.numel() >= b.numel() else (a * unit) * b


def scaled(x: Tensor, unit: Tensor) -> Tensor:
    return x * unit

"""What the event runner does at its barriers and with layouts, in numpy and without a batch axis.

``LAYOUT`` ops move values and therefore events; ``BARRIERS`` are computed on decoded counts or real values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph import ops
from graph.pattern import Pattern

Array = NDArray[Any]


def view(op: ops.View, x: Array) -> Array:
    plan = Pattern.parse(op.pattern, op.sizes).resolve(x.shape)
    return x.reshape(plan.split).transpose(plan.order).reshape(plan.out)


def narrow(op: ops.Slice, x: Array) -> Array:
    return np.take(x, np.arange(op.start, op.stop), axis=op.axis)


def concat(op: ops.Concat, *xs: Array) -> Array:
    return np.concatenate(xs, axis=op.axis)


def _nearest(op: ops.Upsample, x: Array) -> Array:
    return x.repeat(op.factor, axis=1).repeat(op.factor, axis=2)


def _linear_weights(length: int, factor: int) -> tuple[Array, Array, Array]:
    """Half-pixel centres, clamped: lower tap, upper tap, and the upper's share."""
    centre = np.maximum((np.arange(length * factor) + 0.5) / factor - 0.5, 0)
    low = np.floor(centre).astype(int)
    return low, np.minimum(low + 1, length - 1), (centre - low).astype(np.float32)


def upsample(op: ops.Upsample, x: Array) -> Array:
    if op.mode == "nearest":
        return _nearest(op, x)
    low, high, share = _linear_weights(x.shape[1], op.factor)
    x = x[:, low] * (1 - share[:, None]) + x[:, high] * share[:, None]
    low, high, share = _linear_weights(x.shape[2], op.factor)
    return x[:, :, low] * (1 - share) + x[:, :, high] * share


def matmul(op: ops.MatMul, a: Array, b: Array) -> Array:
    """Term by term over the inner axis: counts times counts, exact integers times the scales."""
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), np.float32)
    for k in range(op.inner):
        total += a[..., :, k, None] * b[..., None, k, :]
    return total * np.float32(op.scale)


def sample(op: ops.DeformSample, value: Array, offset: Array, weight: Array, reference: Array) -> Array:
    queries = reference.shape[0]
    out = np.zeros((queries, op.heads, op.channels), np.float32)
    heads = np.arange(op.heads)
    start = 0
    for level, (height, width) in enumerate(op.levels):
        for point in range(op.points):
            size = np.array([width, height], np.float32)
            location = reference[:, None, level] * size + offset[:, :, level, point] - np.float32(0.5)
            base = np.floor(location)
            fx, fy = np.moveaxis(location - base, -1, 0)
            for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
                coefficient = (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * weight[:, :, level, point]
                x, y = base[..., 0] + dx, base[..., 1] + dy
                inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
                address = start + np.where(inside, y * width + x, 0).astype(int)
                out += np.where(inside, coefficient, 0)[..., None].astype(np.float32) * value[address, heads]
        start += height * width
    return out.reshape(queries, -1)


def act(op: ops.Act, x: Array) -> Array:
    if op.fn != "relu":
        raise ValueError(f"the event runner cannot compute a real-valued {op.fn}")
    return np.clip(x, 0, op.ceiling) if op.ceiling else np.maximum(x, 0)


def quantize(op: ops.Quantize, x: Array) -> Array:
    unit = np.float32(2.0**op.bits)
    return np.round(x * unit) / unit


LAYOUT: dict[type, Callable[..., Array]] = {
    ops.View: view,
    ops.Slice: narrow,
    ops.Concat: concat,
    ops.Upsample: _nearest,
}
BARRIERS: dict[type, Callable[..., Array]] = {
    ops.MatMul: matmul,
    ops.DeformSample: sample,
    ops.Mul: lambda op, a, b: a * b,
    ops.Add: lambda op, a, b: a + b,
    ops.Upsample: upsample,
    ops.Act: act,
    ops.Quantize: quantize,
}

"""Layout and resolution, as ONNX: nothing but moves, but for interpolation and means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.onnx_form.builder import Builder
from convert.onnx_form.place import Place, Table
from graph.ops.layout import (
    Concat,
    Decode,
    Downsample,
    Drop,
    Expand,
    Fold,
    Pad,
    Pool,
    Quantize,
    Reduce,
    Resize,
    Slice,
    Unfold,
    Upsample,
    View,
    axis_of,
    between,
)
from graph.pattern import Pattern

REDUCTIONS = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax"}


def view(to: Builder, op: View, place: Place) -> str:
    plan = Pattern.parse(op.pattern, op.sizes).resolve(place.shapes[0])
    x = to.reshape(place.args[0], *plan.split)
    if plan.order != tuple(range(len(plan.order))):
        x = to.add("Transpose", x, perm=[0, *(i + 1 for i in plan.order)])
    return to.reshape(x, *plan.out)


def concat(to: Builder, op: Concat, place: Place) -> str:
    live = next((a for a, static in zip(place.args, place.static, strict=True) if not static), "")
    rank = len(place.shape) + 1
    spread = [
        to.rows_of(a, live, rank) if static and live else a for a, static in zip(place.args, place.static, strict=True)
    ]
    return to.add("Concat", *spread, axis=op.axis % len(place.shape) + 1)


def slice_(to: Builder, op: Slice, place: Place) -> str:
    return to.cut(place.args[0], op.axis % len(place.shape) + 1, op.start, op.stop)


def reduce(to: Builder, op: Reduce, place: Place) -> str:
    axes = sorted(axis_of(a) % (len(place.shape) + 1) for a in op.axes)
    return to.add(REDUCTIONS[op.fn], place.args[0], to.whole(axes), keepdims=1)


def pool(to: Builder, op: Pool, place: Place) -> str:
    window: dict[str, Any] = {"kernel_shape": [op.kernel] * 2, "strides": [op.stride] * 2, "pads": [op.padding] * 4}
    if op.fn == "max":
        return to.add("MaxPool", place.args[0], **window)
    return to.add("AveragePool", place.args[0], count_include_pad=1, **window)


def upsample(to: Builder, op: Upsample, place: Place) -> str:
    """As it is meant: two taps along rows, then two along columns, each with its share."""
    x, lengths = place.args[0], place.shapes[0][1:]
    for axis, length in zip((2, 3), lengths, strict=True):
        if op.mode == "nearest":
            x = to.taken(x, np.arange(length).repeat(op.factor), axis)
            continue
        low, high, share = between(length, op.factor)
        share = share[:, None] if axis == 2 else share
        taps = ((to.taken(x, low, axis), 1 - share), (to.taken(x, high, axis), share))
        x = to.add("Add", *(to.add("Mul", tap, to.constant(part)) for tap, part in taps))
    return x


def _every(to: Builder, x: str, starts: Sequence[int], step: int, lengths: Sequence[int]) -> str:
    for axis, start, length in zip((2, 3), starts, lengths, strict=True):
        x = to.cut(x, axis, start, length, step)
    return x


def downsample(to: Builder, op: Downsample, place: Place) -> str:
    x, lengths, d = place.args[0], place.shapes[0][1:], op.divisor
    if not op.averages:
        start = d // 2 if op.mode == "bilinear" else 0
        return _every(to, x, (start, start), d, lengths)
    low = d // 2 - 1
    total, *others = (_every(to, x, (low + r, low + c), d, lengths) for r in (0, 1) for c in (0, 1))
    for other in others:
        total = to.add("Add", total, other)
    return to.times(total, 0.25)


def resize(to: Builder, op: Resize, place: Place) -> str:
    x = place.args[0]
    for axis, (wanted, length) in enumerate(zip(op.size, place.shapes[0][1:], strict=True), 2):
        x = to.taken(x, np.arange(wanted) * length // wanted, axis)
    return x


def pad(to: Builder, op: Pad, place: Place) -> str:
    return to.add("Pad", place.args[0], to.whole([0, 0, op.before, op.before, 0, 0, op.after, op.after]))


def unfold(to: Builder, op: Unfold, place: Place) -> str:
    return to.add("Reshape", place.args[0], to.whole([-1, op.frames, *place.shapes[0]]))


def fold(to: Builder, op: Fold, place: Place) -> str:
    return to.add("Reshape", place.args[0], to.whole([-1, *place.shape]))


def drop(to: Builder, op: Drop, place: Place) -> str:
    return place.args[0]


def quantize(to: Builder, op: Quantize, place: Place) -> str:
    if not to.quantised:
        return place.args[0]
    whole = 2.0**op.bits
    return to.times(to.add("Round", to.times(place.args[0], whole)), 1 / whole)


def expand(to: Builder, op: Expand, place: Place) -> str:
    if op.to == "stepped":
        return place.args[0]  # of one step
    x, like = place.args
    return to.rows_of(x, like, len(place.shape) + 1)


def decode(to: Builder, op: Decode, place: Place) -> str:
    return place.args[0]  # of one step


EMIT: Table = {
    View: view,
    Concat: concat,
    Slice: slice_,
    Reduce: reduce,
    Pool: pool,
    Upsample: upsample,
    Downsample: downsample,
    Resize: resize,
    Pad: pad,
    Unfold: unfold,
    Fold: fold,
    Drop: drop,
    Quantize: quantize,
    Expand: expand,
    Decode: decode,
}

"""Products and sums of two values, sampling, choices, as ONNX."""

from __future__ import annotations

import numpy as np

from convert.onnx_form.builder import Builder
from convert.onnx_form.place import Place, Table
from graph.ops.codebook import Codebook
from graph.ops.mask import BLOCKED, Mask
from graph.ops.products import Add, DeformSample, MatMul, Mul
from graph.ops.scale import Scale


def matmul(to: Builder, op: MatMul, place: Place) -> str:
    return to.times(to.times(to.add("MatMul", *place.args), op.scale), place.unit)


def mul(to: Builder, op: Mul, place: Place) -> str:
    return to.times(to.add("Mul", *place.args), place.unit)


def add(to: Builder, op: Add, place: Place) -> str:
    return to.add("Add", *place.args)


def scale(to: Builder, op: Scale, place: Place) -> str:
    return to.times(place.args[0], place.unit)


def mask(to: Builder, op: Mask, place: Place) -> str:
    """A row that is masked whole is left open."""
    x, seen = place.args
    keep = to.add("GreaterOrEqual", seen, to.constant(op.threshold))
    some = to.add("ReduceMax", to.as_float(keep), to.whole([-1]), keepdims=1)
    none = to.add("Less", some, to.constant(0.5))
    return to.add("Where", to.add("Or", keep, none), x, to.constant(BLOCKED))


def codebook(to: Builder, op: Codebook, place: Place) -> str:
    entries = np.asarray(place.tables["entries"], np.float32)
    match = to.times(to.add("MatMul", place.args[0], to.constant(entries.T * np.float32(place.unit))), -1.0)
    distance = to.plus(match, np.square(entries).sum(-1) / 2)
    return to.add("Gather", to.constant(entries), to.add("ArgMin", distance, axis=-1, keepdims=0), axis=0)


def _tap(to: Builder, whole: str, part: str, side: int, step: int) -> tuple[str, str, str]:
    """Along one axis: the tap's place, its share, and whether it lies inside."""
    x = to.plus(whole, float(step))
    share = part if step else to.add("Sub", to.constant(1.0), part)
    low = to.add("GreaterOrEqual", x, to.constant(0.0))
    return x, share, to.add("And", low, to.add("Less", x, to.constant(float(side))))


def deform(to: Builder, op: DeformSample, place: Place) -> str:
    """Level by level, tap by tap: place -> token -> the value there, times its share and its weight."""
    value, offset, weight, reference = place.args
    if place.static[0]:
        value = to.rows_of(value, offset, 4)
    tokens = to.add("Transpose", value, perm=[0, 2, 1, 3])  # [B, h, S, d]
    queries, total, start = place.shape[0], "", 0
    for level, (height, width) in enumerate(op.levels):
        at = to.add("Unsqueeze", to.one(reference, level, 2), to.whole([2, 3]))  # [B, Q, 1, 1, 2]
        moved = to.add("Add", to.times(at, np.array([width, height])), to.one(offset, level, 3))
        where = to.plus(moved, -0.5)
        base = to.add("Floor", where)
        part = to.add("Sub", where, base)
        own = to.one(weight, level, 3)  # [B, Q, h, P]
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            x, fx, in_x = _tap(to, to.one(base, 0, -1), to.one(part, 0, -1), width, dx)
            y, fy, in_y = _tap(to, to.one(base, 1, -1), to.one(part, 1, -1), height, dy)
            inside = to.add("And", in_x, in_y)
            share = to.add("Mul", to.add("Mul", fx, fy), own)
            share = to.add("Where", inside, share, to.constant(0.0))
            token = to.add("Add", to.times(y, float(width)), x)
            token = to.plus(to.add("Where", inside, token, to.constant(0.0)), float(start))
            by_head = to.add("Transpose", token, perm=[0, 2, 1, 3])  # [B, h, Q, P]
            index = to.add("Cast", to.reshape(by_head, op.heads, queries * op.points, 1), to=7)
            seen = to.add("GatherND", tokens, index, batch_dims=2)  # [B, h, Q P, d]
            share = to.reshape(to.add("Transpose", share, perm=[0, 2, 1, 3]), op.heads, queries * op.points, 1)
            taken = to.reshape(to.add("Mul", seen, share), op.heads, queries, op.points, op.channels)
            taken = to.add("ReduceSum", taken, to.whole([3]), keepdims=0)
            total = to.add("Add", total, taken) if total else taken
        start += height * width
    rows = to.add("Transpose", total, perm=[0, 2, 1, 3])
    return to.times(to.reshape(rows, *place.shape), place.unit)


EMIT: Table = {
    MatMul: matmul,
    Mul: mul,
    Add: add,
    Scale: scale,
    Mask: mask,
    Codebook: codebook,
    DeformSample: deform,
}

"""Ops that fire, as ONNX. A folded site of one step is its thresholds and nothing else:

    n = #{d : s x >= upper_d} - #{d : s x <= lower_d}  =  #{t in T : s x >= t} - D,
    T = {upper_1 .. upper_D} and, if signed, {the next number above lower_1 .. lower_D}

as x <= l fails exactly where x >= next(l). So a site is one ``MultiThreshold`` of QONNX, its thresholds [C, D or 2D].
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from convert.onnx_form.builder import QONNX_DOMAIN, Builder
from convert.onnx_form.place import Place, Table
from convert.onnx_form.weighted import across
from graph.ops import Array
from graph.ops.firing import Act, Firing, Gate, Score


def thresholds(place: Place, signed: bool) -> Array:
    """[C, D], or [C, 2 D] of a signed site, each row in order."""
    rows = [np.asarray(place.tables["upper"], np.float32)]
    if signed:
        rows.append(np.nextafter(np.asarray(place.tables["lower"], np.float32), np.float32(np.inf)))
    return np.sort(np.concatenate(rows).T, axis=1)


def site(to: Builder, op: Firing, place: Place) -> str:
    assert op.site is not None
    axis, rank, levels, signed = op.site.axis, len(place.shape), op.site.levels, op.site.signed
    x = to.times(to.times(place.args[0], place.unit), across(place.tables["sign"], axis, rank))
    edges, bias = thresholds(place, signed), -float(levels if signed else 0)
    if to.multithreshold:
        layout = "NC" + "X" * (rank - 1) if axis == 0 else "N" + "X" * (rank - 1) + "C"
        bits = f"INT{(2 * levels).bit_length() + 1}" if signed else f"UINT{levels.bit_length()}"
        more: dict[str, Any] = {"out_dtype": bits, "out_scale": 1.0, "out_bias": bias, "data_layout": layout}
        return to.add("MultiThreshold", x, to.constant(edges), domain=QONNX_DOMAIN, **more)
    n = ""
    for edge in edges.T:
        over = to.as_float(to.add("GreaterOrEqual", x, to.constant(across(edge, axis, rank))))
        n = to.add("Add", n, over) if n else over
    return to.plus(n, bias)


def act(to: Builder, op: Act, place: Place) -> str:
    if op.site is not None:
        return site(to, op, place)
    x = place.args[0]
    if op.fn == "relu":
        x = to.add("Relu", x)
    elif op.fn == "gelu":
        share = to.plus(to.add("Erf", to.times(x, 1 / sqrt(2))), 1.0)
        x = to.times(to.add("Mul", x, share), 0.5)
    if op.ceiling:
        x = to.add("Min", x, to.constant(op.ceiling))
    return to.times(x, op.scale)


def gate(to: Builder, op: Gate, place: Place) -> str:
    if op.site is not None:
        return site(to, op, place)
    if op.fn == "sigmoid":
        return to.add("Sigmoid", place.args[0])
    return to.add("Clip", to.plus(place.args[0], 0.5), to.constant(0.0), to.constant(1.0))


def score(to: Builder, op: Score, place: Place) -> str:
    if op.site is not None:
        return site(to, op, place)
    x = place.args[0]
    if op.fn == "softmax":
        y = to.add("Softmax", x, axis=-1)
    else:
        y = to.add("Clip", x, to.constant(0.0), to.constant(op.ceiling))
    if op.fn == "share":
        n = to.add("Round", y)
        total = to.add("ReduceSum", n, to.whole([-1]), keepdims=1)
        y = to.add("Div", n, to.add("Max", total, to.constant(1.0)))
    return to.times(y, op.scale)


EMIT: Table = {Act: act, Gate: gate, Score: score}

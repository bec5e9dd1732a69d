"""Ops with numbers of their own, as ONNX: convolutions, linear layers, norms and what is affine."""

from __future__ import annotations

import numpy as np

from convert.onnx_form.builder import Builder
from convert.onnx_form.place import Place, Table
from graph.ops import Array
from graph.ops.weighted import Affine, Conv, LayerScale, Linear, Norm


def conv(to: Builder, op: Conv, place: Place) -> str:
    tables = place.tables
    bias = (to.constant(tables["bias"]),) if op.bias else ()
    return to.add(
        "Conv",
        place.args[0],
        to.constant(tables["weight"] * np.float32(place.unit)),
        *bias,
        kernel_shape=list(op.kernel),
        strides=[op.stride] * 2,
        pads=[op.padding] * 4,
        dilations=[op.dilation] * 2,
        group=op.groups,
    )


def linear(to: Builder, op: Linear, place: Place) -> str:
    weight = (place.tables["weight"] * np.float32(place.unit)).T
    y = to.add("MatMul", place.args[0], to.constant(weight))
    return to.plus(y, place.tables["bias"]) if op.bias else y


def across(values: Array, axis: int, rank: int) -> Array:
    """[C] against [B, C, H, W] (axis 0) or [B, ..., C] (axis -1); ``rank``: rows left out."""
    return values if axis < 0 else values.reshape(-1, *(1 for _ in range(rank - 1)))


def norm(to: Builder, op: Norm, place: Place) -> str:
    x, rank = place.args[0], len(place.shape)
    gamma, beta = (np.asarray(place.tables[name], np.float64) for name in ("weight", "bias"))
    if op.form == "batch":
        a = gamma / np.sqrt(np.asarray(place.tables["running_var"], np.float64) + op.eps)
        c = beta - a * place.tables["running_mean"]
    elif op.form == "layer":
        ones = to.constant(np.ones(op.channels)), to.constant(np.zeros(op.channels))
        x, a, c = to.add("LayerNormalization", x, *ones, axis=-1, epsilon=op.eps), gamma, beta
    else:
        rows = to.reshape(x, op.groups, -1)
        ones = to.constant(np.ones(op.groups)), to.constant(np.zeros(op.groups))
        scaled = to.add("InstanceNormalization", rows, *ones, epsilon=op.eps)
        x, a, c = to.reshape(scaled, *place.shape), gamma, beta
    return to.plus(to.times(x, across(a, op.axis, rank)), across(c, op.axis, rank))


def layer_scale(to: Builder, op: LayerScale, place: Place) -> str:
    return to.times(place.args[0], place.tables["gamma"])


def affine(to: Builder, op: Affine, place: Place) -> str:
    """Product, sum, rounding: the same three, one after the other."""
    rank, grain = len(place.shape), float(place.tables["grain"])
    y = to.times(place.args[0], across(place.tables["scale"], op.axis, rank))
    y = to.plus(y, across(place.tables["shift"], op.axis, rank))
    return to.times(to.add("Round", to.times(y, 1 / grain)), grain)


EMIT: Table = {Conv: conv, Linear: linear, Norm: norm, LayerScale: layer_scale, Affine: affine}

"""What a site makes of its input, in numpy: counts n of a value x, over the T steps that are folded into the batch.

    u = (gain norm(unit x) + shift) / step,   n = neuron(u)
    folded, one step:   n = #{d : s x >= upper_d} - #{d : s x <= lower_d}
    folded, T steps:    n = neuron((s x + bias) / theta)

s, upper, lower, bias and theta are numbers per channel; s = -1 flips the comparison where a norm's gamma is negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graph.neuron import sequence
from graph.ops.base import Array


def per_channel(values: Array, rank: int, axis: int) -> Array:
    """[..., C] against [B, C, H, W] (axis 0) or [B, ..., C] (axis -1)."""
    return values if axis < 0 else values.reshape(*values.shape, *(1 for _ in range(rank - 2)))


def compared(site: Any, x: Array, tables: Mapping[str, Array]) -> Array:
    s = x * per_channel(tables["sign"], x.ndim, site.axis)
    n = np.zeros(x.shape, np.float32)
    for level in range(site.levels):
        n += s >= per_channel(tables["upper"][level], x.ndim, site.axis)
        if site.signed:
            n -= s <= per_channel(tables["lower"][level], x.ndim, site.axis)
    return n


def current(op: Any, x: Array, tables: Mapping[str, Array]) -> Array:
    """What the neuron integrates."""
    site = op.site
    if site.folded:
        sign, bias, theta = (per_channel(tables[k], x.ndim, site.axis) for k in ("sign", "bias", "theta"))
        return (x * sign + bias) / theta
    if site.norm is not None:
        x = site.norm.meaning(x, **{k.removeprefix("norm."): v for k, v in tables.items() if k.startswith("norm.")})
    gain, shift = op.gain_shift
    return (x * np.float32(gain) + np.float32(shift) if shift else x) / tables["step"]


def counts(op: Any, x: Array, unit: float, steps: int, tables: Mapping[str, Array]) -> Array:
    site, x = op.site, x * np.float32(unit)
    if site.compares_only(steps):
        return compared(site, x, tables)
    u = current(op, x, tables)
    rate = float(1 / (1 + np.exp(-tables["fire.w"]))) if "fire.w" in tables else None
    return sequence(site.neuron, u.reshape(steps, -1, *u.shape[1:]), site.signed, rate).reshape(u.shape)

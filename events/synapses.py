"""A weighted op, event by event: each event adds, or takes off, one weight for every synapse that it reaches; a graded
event adds that many of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from events.events import Events
from graph.ops import Array, Conv, Linear, Op

Reach = tuple[slice, slice]  # (output positions, kernel taps) reached from one input position along one axis


@dataclass(frozen=True)
class ConvPlan:
    """``rows[r]``, ``columns[c]``: what an event there reaches; ``kernels[channel]``: [u, v, out] weights of that input
    channel; ``outputs[channel]``: the output channels of its group."""

    rows: list[Reach]
    columns: list[Reach]
    kernels: list[Array]
    outputs: list[slice]


def _reach(position: int, length: int, kernel: int, op: Conv) -> Reach:
    """o s - p + u d = position. With dilation 1 the taps run down by s as outputs run up by one."""
    pairs = [
        (o, u)
        for u in range(kernel - 1, -1, -1)
        if (position + op.padding - u * op.dilation) % op.stride == 0
        for o in [(position + op.padding - u * op.dilation) // op.stride]
        if 0 <= o < length
    ]
    if not pairs:
        return slice(0, 0), slice(0, 0)
    outputs, taps = zip(*pairs, strict=True)
    return _as_slice(outputs), _as_slice(taps)


def _as_slice(values: tuple[int, ...]) -> slice:
    """An arithmetic progression as a slice."""
    step = values[1] - values[0] if len(values) > 1 else 1
    stop = values[-1] + (1 if step > 0 else -1)
    return slice(values[0], None if stop < 0 else stop, step)


def conv_plan(op: Conv, shape: tuple[int, ...], weight: Array) -> ConvPlan:
    _, height, width = op.shape(shape)
    per_group, group_out = op.cin // op.groups, op.cout // op.groups
    kernels, outputs = [], []
    for channel in range(op.cin):
        group = channel // per_group
        block = slice(group * group_out, (group + 1) * group_out)
        kernels.append(np.ascontiguousarray(weight[block, channel % per_group].transpose(1, 2, 0)))
        outputs.append(block)
    rows = [_reach(r, height, op.kernel[0], op) for r in range(shape[1])]
    columns = [_reach(c, width, op.kernel[1], op) for c in range(shape[2])]
    return ConvPlan(rows, columns, kernels, outputs)


def conv_events(op: Conv, x: Events, weight: Array) -> tuple[Array, int]:
    """[rows, C, H, W] -> sums without bias, and additions. Accumulates in [rows, H, W, C] for locality."""
    _, *shape = x.shape
    plan = conv_plan(op, tuple(shape), weight)
    channels, height, width = op.shape(tuple(shape))
    total = np.zeros((x.shape[0], height, width, channels), np.float32)
    adds = 0
    places = (place.tolist() for place in np.unravel_index(x.address, x.shape))
    for row, channel, r, c, sign in zip(*places, x.sign.tolist(), strict=True):
        out_rows, taps_u = plan.rows[r]
        out_columns, taps_v = plan.columns[c]
        target = total[row, out_rows, out_columns, plan.outputs[channel]]
        synapses = plan.kernels[channel][taps_u, taps_v]
        adds += synapses.size
        if sign == 1:
            target += synapses
        elif sign == -1:
            target -= synapses
        else:
            target += np.float32(sign) * synapses
    return np.ascontiguousarray(total.transpose(0, 3, 1, 2)), adds


def linear_events(x: Events, weight: Array) -> tuple[Array, int]:
    columns, (outputs, inputs) = np.ascontiguousarray(weight.T), weight.shape
    total = np.zeros((int(np.prod(x.shape[:-1])), outputs), np.float32)
    for address, sign in zip(x.address.tolist(), x.sign.tolist(), strict=True):
        row, column = divmod(address, inputs)
        if sign == 1:
            total[row] += columns[column]
        elif sign == -1:
            total[row] -= columns[column]
        else:
            total[row] += np.float32(sign) * columns[column]
    return total.reshape(*x.shape[:-1], outputs), x.address.size * outputs


def bias_of(op: Op, tables: Mapping[str, Array]) -> Array:
    """What a weighted op makes of no event, against [rows, C, H, W] or [rows, ..., C]."""
    bias = tables.get("bias", np.zeros(1, np.float32))
    return bias[:, None, None] if isinstance(op, Conv) else bias


BY_EVENT = {Conv: conv_events, Linear: lambda op, x, weight: linear_events(x, weight)}

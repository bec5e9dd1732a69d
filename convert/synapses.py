"""Which synapses an event reaches in a convolution, as slices; and the dense input layers, tap by tap. Numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.event_ops import Array
from graph.ops import Conv

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


def conv_event_plan(op: Conv, shape: tuple[int, ...], weight: Array) -> ConvPlan:
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


def conv_dense(op: Conv, x: Array, weight: Array) -> Array:
    """An input layer: y += w[:, i, u, v] x[i, shifted], one tap at a time."""
    if op.groups != 1:
        raise ValueError("a grouped convolution on a real-valued input is not supported by the event runner")
    _, height, width = op.shape(x.shape)
    padded = np.pad(x, ((0, 0), (op.padding,) * 2, (op.padding,) * 2))
    total = np.zeros((op.cout, height, width), np.float32)
    for i in range(op.cin):
        for u in range(op.kernel[0]):
            for v in range(op.kernel[1]):
                rows = slice(u * op.dilation, u * op.dilation + (height - 1) * op.stride + 1, op.stride)
                columns = slice(v * op.dilation, v * op.dilation + (width - 1) * op.stride + 1, op.stride)
                total += weight[:, i, u, v, None, None] * padded[i, rows, columns]
    return total


def linear_dense(x: Array, weight: Array) -> Array:
    total = np.zeros((*x.shape[:-1], weight.shape[0]), np.float32)
    for i in range(weight.shape[1]):
        total += x[..., i, None] * weight[:, i]
    return total

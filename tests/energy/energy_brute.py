"""Every synapse, one at a time: loops over outputs and what each of them reads. Shares no code with the
accountant."""

from __future__ import annotations

from math import floor

import numpy as np

from graph.ops import Conv


def conv(op: Conv, n_CHW: np.ndarray) -> int:
    """Sum of |n| over every (output, weight) pair whose input lies inside the map."""
    _, height, width = n_CHW.shape
    kh, kw = op.kernel
    per_group_in, per_group_out = op.cin // op.groups, op.cout // op.groups
    events = 0
    row = 0
    while row * op.stride + op.dilation * (kh - 1) < height + 2 * op.padding:
        column = 0
        while column * op.stride + op.dilation * (kw - 1) < width + 2 * op.padding:
            for out in range(op.cout):
                first = out // per_group_out * per_group_in
                for i in range(first, first + per_group_in):
                    for u in range(kh):
                        for v in range(kw):
                            y = row * op.stride + u * op.dilation - op.padding
                            x = column * op.stride + v * op.dilation - op.padding
                            if 0 <= y < height and 0 <= x < width:
                                events += abs(int(n_CHW[i, y, x]))
            column += 1
        row += 1
    return events


def linear(cout: int, n: np.ndarray) -> int:
    events = 0
    for value in n.reshape(-1):
        for _ in range(cout):
            events += abs(int(value))
    return events


def matmul(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int]:
    """(stationary, stationary skipping zeros, pair) on [..., M, K] and [..., K, N]."""
    stationary = skipping = pair = 0
    for where in np.ndindex(a.shape[:-2]):
        for i in range(a.shape[-2]):
            for k in range(a.shape[-1]):
                for j in range(b.shape[-1]):
                    n, m = abs(int(a[where][i, k])), abs(int(b[where][k, j]))
                    stationary += n
                    skipping += n if m else 0
                    pair += n * m
    return stationary, skipping, pair


def deform(
    n_SHD: np.ndarray, offset: np.ndarray, reference: np.ndarray, levels: tuple[tuple[int, int], ...]
) -> tuple[int, int]:
    """(adds, tap reads): every tap inside its level, every channel."""
    queries, heads, _, points, _ = offset.shape
    channels = n_SHD.shape[-1]
    adds = reads = 0
    for q, h, p in np.ndindex(queries, heads, points):
        start = 0
        for level, (height, width) in enumerate(levels):
            x, y = (
                np.float32(reference[q, level, axis]) * np.float32(size)
                + offset[q, h, level, p, axis]
                - np.float32(0.5)
                for axis, size in enumerate((width, height))
            )
            for row in (floor(y), floor(y) + 1):
                for column in (floor(x), floor(x) + 1):
                    if 0 <= row < height and 0 <= column < width:
                        for d in range(channels):
                            adds += abs(int(n_SHD[start + row * width + column, h, d]))
                            reads += 1
            start += height * width
    return adds, reads

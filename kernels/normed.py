"""The host's side of batch norm and neuron in one: ``lif.cu`` between the passes of ``channel_affine.cu``.

norm(x) = scale x + bias', scale = weight / sqrt(var + eps), bias' = bias - mean scale: the neuron's own affine. Of a
batch, mean and var depend on x. With g the gradient of norm(x), M elements a channel, and the sums over them:

    dx = scale (g - sum(g) / M - (x - mean) sum(g (x - mean)) / (M (var + eps)))

The neuron's backward leaves scale g and both sums; ``channel_correct`` adds the rest, in place.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import ceil

import torch
from torch import Tensor

from kernels import lif as host
from kernels.io_types import IO
from kernels.launch import launch
from kernels.layout import Cut, cut
from kernels.lif_form import lanes
from kernels.source import Build

KERNELS = ("channel_moments", "channel_numbers", "channel_correct")
MEAN, VAR, INVERSE, SCALE, BIAS = range(5)  # the rows of ``numbers``


@cache
def build(device: str, dtype: torch.dtype, affine: int, span: int, sums: bool) -> Build:
    constants = (("VEC", lanes(device, dtype)), ("IO", IO[dtype]), ("AFFINE", affine), ("SPAN", span))
    return Build("channel_affine.cu", KERNELS, (*constants, ("SUMS", int(sums))))


def _whole(x: Tensor, channel: int) -> Cut:
    """All of the dense x, steps included, as rows: a step is a whole number of times all channels."""
    one = cut(x, channel)
    return replace(one, rows=one.rows * len(x))


def _run(kernel: str, where: Cut, threads: int, x: Tensor, *args: object, sums: bool = True) -> None:
    block = 1 if x.device.type == "cpu" else host.THREADS
    what = build(x.device.type, x.dtype, where.affine, where.span, sums)
    launch(what, kernel, (ceil(threads / block), 1, 1), block, (x, *args), x.device)


def _threads(where: Cut, x: Tensor) -> int:
    return where.groups * where.chunks(lanes(x.device.type, x.dtype))


def numbers(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor | None, var: Tensor | None, channel: int, eps: float
) -> Tensor:
    """[5, C] float32, of the dense x [T, ...] and numbers per channel; ``mean`` and ``var`` None: x's own."""
    given = [None if t is None else t.detach().float().contiguous() for t in (mean, var, weight, bias)]
    where, channels = _whole(x, channel), x.shape[channel]
    batch, first = mean is None, x.as_strided((channels,), (x.stride(channel),)).float()
    sums = None
    if batch:
        threads = _threads(where, x)
        count = where.groups * where.width if where.affine == 2 else threads
        parts = x.new_empty(2, count, dtype=torch.float32)
        pivot = where.along(first)
        _run("channel_moments", where, threads, x, pivot, parts[0], parts[1], where.rows, where.width, channels)
        sums = where.per_channel(parts, lanes(x.device.type, x.dtype), torch.float64)
    found = x.new_empty(5, channels, dtype=torch.float32)
    more = (channels, x.numel() // channels, eps)
    _run("channel_numbers", where, channels, first, sums, *given, found, *more, sums=batch)
    return found


def correct(grad: Tensor, x: Tensor, channel: int, norm: Tensor, by_weight: Tensor, by_bias: Tensor) -> None:
    """``grad``, scale g in the order of x, becomes the gradient of x. ``norm``: the numbers; sums over g."""
    where, channels = _whole(x, channel), x.shape[channel]
    more = (where.rows, where.width, channels * where.repeat, channels / x.numel())
    per_column = (where.along(numbers) for numbers in (norm, by_weight, by_bias))
    _run("channel_correct", where, _threads(where, x), x, *per_column, grad, *more)

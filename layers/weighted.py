"""Modules for ``Conv``, ``Linear``, ``Norm``, ``LayerScale``, ``Affine``, ``Drop``."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graph import ops
from graph.dialect import Place
from graph.values import counts_site, magnitude
from layers.counts import conv_of_counts, linear_of_counts, worth
from layers.init import deform_offset_bias, initialise


def every_read_pixel(x: Tensor, layer: nn.Conv2d) -> tuple[Tensor, tuple[int, ...]]:
    """(pixels, stride) of the same output: a kernel of one pixel reads every ``stride``-th, so the others go first.

    In torch 2.11 the backward pass of the strided form writes beyond its memory where channels are few (LOG.md).
    """
    if layer.kernel_size != (1, 1) or layer.stride == (1, 1) or layer.padding != (0, 0):
        return x, layer.stride
    return x[..., :: layer.stride[0], :: layer.stride[1]], (1, 1)


class Conv(nn.Conv2d):
    """``unit``: what the counts that it reads are worth; it goes into the weight, which is smaller than they are.
    ``most``: the largest count, where its input is whole counts: they are then kept in bytes."""

    most: int | None = None

    def forward(self, x: Tensor, unit: Tensor | None = None) -> Tensor:
        x, stride = every_read_pixel(x, self)
        shape: Any = (stride, self.padding, self.dilation, self.groups)
        if self.most is None:
            return F.conv2d(x, worth(self.weight, unit), self.bias, *shape)
        return conv_of_counts(x, self.weight, unit, self.bias, *shape, most=self.most)


class Linear(nn.Linear):
    """``unit`` and ``most``: as of ``Conv``."""

    most: int | None = None

    def forward(self, x: Tensor, unit: Tensor | None = None) -> Tensor:
        if self.most is None:
            return F.linear(x, worth(self.weight, unit), self.bias)
        return linear_of_counts(x, self.weight, unit, self.bias, most=self.most)


def largest_count(place: Place) -> int | None:
    """Of whole counts; None of reals, and of what counts were only averaged to."""
    kind = place.kinds[0]
    return magnitude(kind) if counts_site(kind) else None


def conv(op: ops.Conv, place: Place) -> Conv:
    layer = Conv(op.cin, op.cout, op.kernel, op.stride, op.padding, op.dilation, op.groups, bias=op.bias)
    initialise(layer.weight, layer.bias, op.init)
    layer.most = largest_count(place)
    return layer


def linear(op: ops.Linear, place: Place) -> Linear:
    layer = Linear(op.cin, op.cout, op.bias)
    initialise(layer.weight, layer.bias, op.init)
    if op.offsets is not None:
        layer.bias.data.copy_(deform_offset_bias(*op.offsets).flatten())
    layer.most = largest_count(place)
    return layer


def per_channel(values: Tensor, rank: int, axis: int) -> Tensor:
    """[..., C] against [B, C, H, W] (axis 0) or [B, ..., C] (axis -1)."""
    if axis < 0:
        return values
    return values.reshape(*values.shape, *(1 for _ in range(rank - 2)))


class ChannelBatchNorm(nn.BatchNorm1d):
    """Batch norm over the last axis of [B, ..., C]; statistics over everything else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def norm(op: ops.Norm) -> nn.Module:
    forms = {
        "batch": lambda: (nn.BatchNorm2d if op.axis == 0 else ChannelBatchNorm)(op.channels, eps=op.eps),
        "layer": lambda: nn.LayerNorm(op.channels, eps=op.eps),
        "group": lambda: nn.GroupNorm(op.groups, op.channels, eps=op.eps),
    }
    if op.form not in forms:
        raise ValueError(f"norm form '{op.form}' is not one of {sorted(forms)}")
    return forms[op.form]()


class LayerScale(nn.Module):
    def __init__(self, op: ops.LayerScale) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((op.channels,), op.init_value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


class Affine(nn.Module):
    """A product, a sum, a rounding, each on its own: fused, the product's last bits would differ."""

    grain: torch.Tensor

    def __init__(self, op: ops.Affine) -> None:
        super().__init__()
        self.axis = op.axis
        self.scale = nn.Parameter(torch.ones(op.channels))
        self.shift = nn.Parameter(torch.zeros(op.channels))
        self.register_buffer("grain", torch.tensor(ops.FINEST))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale, shift = (per_channel(v, x.ndim, self.axis) for v in (self.scale, self.shift))
        y = x * scale + shift
        return (y / self.grain).round() * self.grain


class Drop(nn.Module):
    """Dropout and DropPath whose mask is drawn once and shared by the ``steps`` folded into the batch."""

    def __init__(self, op: ops.Drop, steps: int) -> None:
        super().__init__()
        self.p, self.path, self.steps = op.p, op.path, steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        y = x.unflatten(0, (self.steps, -1))
        shape = (1, y.shape[1], *(1 for _ in y.shape[2:])) if self.path else (1, *y.shape[1:])
        mask = F.dropout(torch.ones(shape, dtype=x.dtype, device=x.device), self.p)
        return (y * mask).flatten(0, 1)

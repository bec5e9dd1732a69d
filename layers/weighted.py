"""Modules for ``Conv``, ``Linear``, ``Norm``, ``LayerScale``, ``Drop``."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from graph import ops
from layers.counts import ConvOfCounts, LinearOfCounts
from layers.init import deform_offset_bias, initialise


class Conv(nn.Conv2d):
    """``unit``: what the counts that it reads are worth; it goes into the weight, which is smaller than they are."""

    def forward(self, x: torch.Tensor, unit: torch.Tensor | None = None) -> torch.Tensor:
        if unit is None:
            return super().forward(x)
        shape = (self.stride, self.padding, self.dilation, self.groups)
        if torch.is_grad_enabled():
            return ConvOfCounts.apply(x, self.weight, unit, self.bias, shape)
        return F.conv2d(x, self.weight * unit, self.bias, *shape)


class Linear(nn.Linear):
    """``unit``: as of ``Conv``."""

    def forward(self, x: torch.Tensor, unit: torch.Tensor | None = None) -> torch.Tensor:
        if unit is not None and torch.is_grad_enabled():
            return LinearOfCounts.apply(x, self.weight, unit, self.bias)
        return F.linear(x, self.weight if unit is None else self.weight * unit, self.bias)


def conv(op: ops.Conv) -> nn.Conv2d:
    layer = Conv(op.cin, op.cout, op.kernel, op.stride, op.padding, op.dilation, op.groups, bias=op.bias)
    initialise(layer.weight, layer.bias, op.init)
    return layer


def linear(op: ops.Linear) -> nn.Linear:
    layer = Linear(op.cin, op.cout, op.bias)
    initialise(layer.weight, layer.bias, op.init)
    if op.offsets is not None:
        layer.bias.data.copy_(deform_offset_bias(*op.offsets).flatten())
    return layer


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

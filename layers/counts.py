"""Weighted sums of counts: y = (W unit) n + b, where n are whole numbers and ``unit`` is what one of them is worth.

For the backward pass n is kept in bytes, a quarter of its floats; with V = W unit and G the gradient of V, in the type
of dy (under ``torch.autocast`` 16 bits, whatever n and W have),

    dW = unit G,   dunit = sum(G W),   dn = V^T dy.

``unit`` None is 1. ``most``: the largest |n|; counts beyond a byte's 127 are kept as they come. So are those of a small
map, whose conversion takes a sixth of the convolution's time, and whose memory is not what a network runs out of.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]
BYTE = 127
LARGE = 1 << 18  # counts; more of them are kept in bytes


def are_kept(n: Tensor, most: int) -> bool:
    """In bytes? Inside a compiler always, so that no size is written into what it makes."""
    return torch.is_grad_enabled() and most <= BYTE and (torch.compiler.is_compiling() or n.numel() > LARGE)


def worth(weight: Tensor, unit: Tensor | None) -> Tensor:
    return weight if unit is None else weight * unit


def shares(by_worth: Tensor | None, weight: Tensor, unit: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of weight and unit, from that of their product."""
    if by_worth is None or unit is None:
        return by_worth, None
    by_worth = by_worth.to(weight.dtype)
    return by_worth * unit, torch.dot(by_worth.flatten(), weight.flatten()).reshape(unit.shape)


class ConvOfCounts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        n: Tensor,
        weight: Tensor,
        unit: Tensor | None,
        bias: Tensor | None,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
    ) -> Tensor:
        product = worth(weight, unit)
        ctx.save_for_backward(n.to(torch.int8), product, weight, unit)
        ctx.form = (stride, padding, dilation, False, (0, 0), groups)
        ctx.sizes = None if bias is None else list(bias.shape)
        return F.conv2d(n, product, bias, stride, padding, dilation, groups)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        n, product, weight, unit = ctx.saved_tensors
        by_n, by_weight, by_unit, by_bias = ctx.needs_input_grad[:4]
        wanted = [by_n, by_weight or by_unit, by_bias]
        n, product = n.to(grad.dtype), product.to(grad.dtype)
        found = torch.ops.aten.convolution_backward(grad, n, product, ctx.sizes, *ctx.form, wanted)
        return (found[0], *shares(found[1], weight, unit), found[2], None, None, None, None)


class LinearOfCounts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, n: Tensor, weight: Tensor, unit: Tensor | None, bias: Tensor | None) -> Tensor:
        product = worth(weight, unit)
        ctx.save_for_backward(n.to(torch.int8), product, weight, unit)
        return F.linear(n, product, bias)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        n, product, weight, unit = ctx.saved_tensors
        by_n, by_weight, by_unit, by_bias = ctx.needs_input_grad[:4]
        rows = grad.reshape(-1, grad.shape[-1])
        total = rows.t() @ n.reshape(-1, n.shape[-1]).to(grad.dtype) if by_weight or by_unit else None
        first = grad @ product.to(grad.dtype) if by_n else None
        return (first, *shares(total, weight, unit), rows.sum(0) if by_bias else None)


def conv_of_counts(
    n: Tensor,
    weight: Tensor,
    unit: Tensor | None = None,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
    *,
    most: int = BYTE,
) -> Tensor:
    """``F.conv2d(n, weight * unit, bias, ...)`` of counts in [-most, most]."""
    if not are_kept(n, most):
        return F.conv2d(n, worth(weight, unit), bias, stride, padding, dilation, groups)
    found: Tensor = ConvOfCounts.apply(n, weight, unit, bias, stride, padding, dilation, groups)
    return found


def linear_of_counts(
    n: Tensor, weight: Tensor, unit: Tensor | None = None, bias: Tensor | None = None, *, most: int = BYTE
) -> Tensor:
    """``F.linear(n, weight * unit, bias)`` of counts in [-most, most]."""
    if not are_kept(n, most):
        return F.linear(n, worth(weight, unit), bias)
    found: Tensor = LinearOfCounts.apply(n, weight, unit, bias)
    return found

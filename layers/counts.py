"""A convolution and a linear layer of counts: y = (W u) n + b, and what their backward keeps of n is one byte a count.

u is the unit, what a count is worth. It goes into the weight, which is smaller than n. Gradients:

    dn = (W u)^T g,   d(W u) = g n^T,   dW = u d(W u),   du = <W, d(W u)>,   db = sum g
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

MOST = 127  # |n| that one signed byte holds


class ConvOfCounts(torch.autograd.Function):
    """n [B, C, H, W]; ``shape``: stride, padding, dilation, groups."""

    @staticmethod
    def forward(n: Tensor, weight: Tensor, unit: Tensor, bias: Tensor | None, shape: tuple[Any, ...]) -> Tensor:
        return F.conv2d(n, weight * unit, bias, *shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        n, weight, unit, bias, ctx.shape = inputs
        ctx.biased = bias is not None
        ctx.save_for_backward(n.to(torch.int8), weight, unit)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        small, weight, unit = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.shape
        wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[1] or ctx.needs_input_grad[2], ctx.biased)
        by_n, by_scaled, by_bias = torch.ops.aten.convolution_backward(
            grad,
            small.to(grad.dtype),
            weight * unit,
            [len(weight)] if ctx.biased else None,
            stride,
            padding,
            dilation,
            False,
            [0, 0],
            groups,
            wanted,
        )
        return (by_n, *_weight_and_unit(ctx, by_scaled, weight, unit), by_bias, None)


class LinearOfCounts(torch.autograd.Function):
    """n [..., C]."""

    @staticmethod
    def forward(n: Tensor, weight: Tensor, unit: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(n, weight * unit, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        n, weight, unit, bias = inputs
        ctx.biased = bias is not None
        ctx.save_for_backward(n.to(torch.int8), weight, unit)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        small, weight, unit = ctx.saved_tensors
        rows = grad.reshape(-1, grad.shape[-1])
        by_n = grad @ (weight * unit) if ctx.needs_input_grad[0] else None
        by_scaled = rows.mT @ small.to(grad.dtype).reshape(-1, small.shape[-1])
        by_bias = rows.sum(0) if ctx.biased else None
        return (by_n, *_weight_and_unit(ctx, by_scaled, weight, unit), by_bias)


def _weight_and_unit(ctx: Any, by_scaled: Tensor, weight: Tensor, unit: Tensor) -> tuple[Tensor | None, Tensor | None]:
    by_unit = (by_scaled * weight).sum().reshape(unit.shape) if ctx.needs_input_grad[2] else None
    return (by_scaled * unit if ctx.needs_input_grad[1] else None), by_unit

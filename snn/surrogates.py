"""Surrogate gradients: the step function forward, a smooth bump of area one backward.

S = [x >= 0].  dS/dx is replaced by

* atan       (a/2) / (1 + (pi/2 a x)^2)
* sigmoid    a s (1 - s), s = sigmoid(a x)
* triangle   max(0, a (1 - a |x|))
* rectangle  a where |x| < 1 / (2 a), else 0
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import torch
from torch import Tensor


def atan(x: Tensor, a: float) -> Tensor:
    return a / 2 / (1 + (pi / 2 * a * x).square())


def sigmoid(x: Tensor, a: float) -> Tensor:
    s = torch.sigmoid(a * x)
    return a * s * (1 - s)


def triangle(x: Tensor, a: float) -> Tensor:
    return (a * (1 - a * x.abs())).clamp(min=0)


def rectangle(x: Tensor, a: float) -> Tensor:
    return a * (x.abs() < 0.5 / a).to(x.dtype)


SURROGATES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "atan": atan,
    "sigmoid": sigmoid,
    "triangle": triangle,
    "rectangle": rectangle,
}


class Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, surrogate: str, alpha: float) -> Tensor:
        return (x >= 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, ctx.surrogate, ctx.alpha = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return grad * SURROGATES[ctx.surrogate](x, ctx.alpha), None, None


def fire(x: Tensor, surrogate: str = "atan", alpha: float = 2.0) -> Tensor:
    return Heaviside.apply(x, surrogate, alpha)

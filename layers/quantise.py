"""Rounding with a straight-through gradient: what D-level activations, dyadic grids and the I-LIF neuron share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class RoundSTE(torch.autograd.Function):
    """y = round(x), half to even; dy/dx = 1."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


def round_ste(x: Tensor) -> Tensor:
    return RoundSTE.apply(x)


class ClipRoundSTE(torch.autograd.Function):
    """n = round(clip(x, low, high)); dn/dx = 1 inside the clip, borders included, 0 outside."""

    @staticmethod
    def forward(x: Tensor, low: float, high: float) -> Tensor:
        return x.clamp(low, high).round_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, ctx.low, ctx.high = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return grad * ((x >= ctx.low) & (x <= ctx.high)), None, None


def clip_round(x: Tensor, levels: int, signed: bool = False) -> Tensor:
    """n = round(clip(x, 0 or -D, D)), straight-through."""
    return ClipRoundSTE.apply(x, float(-levels if signed else 0), float(levels))


def to_grid(x: Tensor, bits: int) -> Tensor:
    """The nearest multiple of 2**-bits, straight-through."""
    return round_ste(x * 2.0**bits) * 2.0**-bits


class ClipRound(nn.Module):
    """``clip_round`` as a module: the D-level activation of the quantised dialect (QCFS with a half shift)."""

    def __init__(self, levels: int, signed: bool) -> None:
        super().__init__()
        self.levels, self.signed = levels, signed

    def forward(self, x: Tensor) -> Tensor:
        return clip_round(x, self.levels, self.signed)

    def extra_repr(self) -> str:
        return f"levels={self.levels}, signed={self.signed}"

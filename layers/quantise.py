"""Rounding with a straight-through gradient: what D-level activations, dyadic grids and the I-LIF neuron share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class RoundSTE(torch.autograd.Function):
    """y = round(x), half to even; dy/dx = 1. A Function, because x + (round(x) - x) is not round(x) in floating point."""

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


def clip_round(x: Tensor, levels: int, signed: bool = False) -> Tensor:
    """n = round(clip(x, 0 or -D, D)); gradient 1 inside the clip, 0 outside."""
    return round_ste(x.clamp(-levels if signed else 0, levels))


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

"""Rounding with a straight-through gradient: what D-level activations, dyadic grids and the I-LIF neuron share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from layers.firing import Firing


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
        return x.clamp(low, high).round()  # not in place: torch.compile would lose the gradient

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


def _inclusive(low: float, high: float) -> tuple[float, float]:
    """Borders just outside, because ``hardtanh_backward`` leaves them out and the clip's gradient has them in."""
    info = torch.finfo(torch.float32)
    return (-info.tiny if low == 0 else low * (1 + info.eps)), high * (1 + info.eps)


class StepRound(torch.autograd.Function):
    """y = n step, n = round(clip(x / step, low, high)): a site of one time step in one piece.

    dy/dx = 1 inside the clip;  dy/dstep = n - u inside it, n outside, u = x / step  (LSQ; Esser et al., ICLR 2020).
    Equal to the composition of division, ``clip_round`` and product, with a third of its passes over memory.
    """

    @staticmethod
    def forward(x: Tensor, step: Tensor, low: float, high: float) -> Tensor:
        return (x / step).clamp_(low, high).round_().mul(step)  # mul_ would lose the gradient under torch.compile

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, step, ctx.low, ctx.high = inputs
        ctx.save_for_backward(x, step, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        x, step, y = ctx.saved_tensors
        low, high = _inclusive(ctx.low, ctx.high)
        inside = torch.ops.aten.hardtanh_backward(grad, x / step, low, high)
        by_step = (y * grad - x * inside).sum() / step if ctx.needs_input_grad[1] else None
        return inside, by_step, None, None


def step_round(x: Tensor, step: Tensor, levels: int, signed: bool = False, scale: float = 1.0) -> Tensor:
    y = StepRound.apply(x, step, float(-levels if signed else 0), float(levels))
    return y if scale == 1.0 else y * scale


def to_grid(x: Tensor, bits: int) -> Tensor:
    """The nearest multiple of 2**-bits, straight-through."""
    return round_ste(x * 2.0**bits) * 2.0**-bits


class ClipRound(Firing):
    """``clip_round`` as a module: the D-level activation of the quantised dialect (QCFS with a half shift)."""

    def __init__(self, levels: int, signed: bool) -> None:
        super().__init__()
        self.levels, self.signed = levels, signed

    def forward(self, x: Tensor) -> Tensor:
        return clip_round(x, self.levels, self.signed)

    def on_site(self, x: Tensor, step: Tensor, scale: float) -> Tensor:
        return step_round(x, step, self.levels, self.signed, scale)

    def extra_repr(self) -> str:
        return f"levels={self.levels}, signed={self.signed}"

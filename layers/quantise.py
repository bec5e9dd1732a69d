"""Rounding with a straight-through gradient: what D-level activations, dyadic grids and the I-LIF neuron share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graph.neuron import Neuron
from layers.neurons import Neurons


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


class CountRound(torch.autograd.Function):
    """n = round(clip(x / step, low, high)): a site of one time step in one piece.

    dn/dx = 1 / step inside the clip;  dn/dstep = -u / step there, u = x / step. With n step behind it, that is LSQ's
    gradient (Esser et al., ICLR 2020). Equal to division and ``clip_round``, with fewer passes over memory.
    """

    @staticmethod
    def forward(x: Tensor, step: Tensor, low: float, high: float) -> Tensor:
        return (x / step).clamp(low, high).round()  # not in place: torch.compile would lose the gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, step, ctx.low, ctx.high = inputs
        ctx.save_for_backward(x, step)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        x, step = ctx.saved_tensors
        low, high = _inclusive(ctx.low, ctx.high)
        inside = torch.ops.aten.hardtanh_backward(grad, x / step, low, high) / step
        by_step = -(x * inside).sum() / step if ctx.needs_input_grad[1] else None
        return inside, by_step, None, None


def count_round(x: Tensor, step: Tensor, levels: int, signed: bool = False) -> Tensor:
    return CountRound.apply(x, step, float(-levels if signed else 0), float(levels))


def to_grid(x: Tensor, bits: int) -> Tensor:
    """The nearest multiple of 2**-bits, straight-through."""
    return round_ste(x * 2.0**bits) * 2.0**-bits


class Quantiser(Neurons):
    """The D-level activation of the quantised dialect (QCFS with a half shift), whatever neuron the site names. It has
    no memory, so a step is the sequence of one."""

    def sequence(self, x: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None) -> Tensor:
        x = x if norm is None else norm(x)
        if unit_step is None:
            return clip_round(x, self.neuron.levels, self.signed)
        return count_round(x, unit_step, self.neuron.levels, self.signed)

    def init_state(self, x: Tensor) -> Tensor:
        return x.new_zeros(())

    def step(
        self, x: Tensor, state: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.sequence(x, unit_step, norm), state


class QuantiserBackend:
    """Quantisers in the place of neurons, one step only."""

    name = "quantised"

    def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str:
        return "" if steps == 1 else f"a quantiser has one step, found {steps}"

    def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons:
        return Quantiser(neuron, signed, steps)

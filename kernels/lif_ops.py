"""Neurons over time as a torch operator, ``spikeavs::lif``, and its backward.

x [T, ...] -> spikes [T, ...] (or packed), and the membrane after the last step. An operator may return neither None
nor its inputs, so what is not wanted is an empty tensor. The saved tensors are the inputs; x is the only large one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kernels import lif as host
from kernels.dynamics import Dynamics, loads
from kernels.eager import is_plain, without_dispatcher
from kernels.io_types import IO
from kernels.layout import as_membrane, cut, dense, membrane_like, ordered_as
from kernels.lif_form import OUTPUTS


def _call(
    x: Tensor,
    v0: Tensor | None,
    rate: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None,
    step: Tensor | None,
    dynamics: str,
    channel: int,
) -> host.Call:
    """Everything in x's order; numbers per channel in float32."""
    x = dense(x.detach())
    numbers = [None if t is None else t.detach().float().contiguous() for t in (rate, scale, bias, step)]
    return host.Call(
        x=x,
        dynamics=loads(dynamics),
        v0=as_membrane(x, v0),
        rate=numbers[0],
        scale=numbers[1],
        bias=numbers[2],
        residual=ordered_as(x, residual),
        step=numbers[3],
        channel=channel,
    )


def or_empty(x: Tensor, found: Tensor | None) -> Tensor:
    return x.new_empty(0, dtype=torch.float32) if found is None else found


def _forward(
    x: Tensor,
    v0: Tensor | None,
    rate: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None,
    step: Tensor | None,
    dynamics: str,
    channel: int,
    spikes: str,
    last: bool,
) -> tuple[Tensor, Tensor]:
    call = _call(x, v0, rate, scale, bias, residual, step, dynamics, channel)
    return host.forward(call, spikes, last)


lif_op = torch.library.custom_op("spikeavs::lif", _forward, mutates_args=())


@lif_op.register_fake
def _lif_fake(x: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    x, (dynamics, _, spikes, last) = dense(x), others[-4:]
    out = host.room_for_spikes(x, spikes, loads(dynamics).signed)
    return out, membrane_like(x) if last else x.new_empty(0, dtype=torch.float32)


def _gradients(
    grad_spikes: Tensor,
    grad_last: Tensor | None,
    x: Tensor,
    v0: Tensor | None,
    rate: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None,
    step: Tensor | None,
    dynamics: str,
    channel: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    call = _call(x, v0, rate, scale, bias, residual, step, dynamics, channel)
    grad = ordered_as(call.x, grad_spikes)
    assert grad is not None
    found = host.backward(call, grad, as_membrane(call.x, grad_last))
    smaller = (found.v0, found.rate, found.scale, found.bias, found.residual, found.step)
    return (found.x, *(or_empty(x, t) for t in smaller))  # type: ignore[return-value]


lif_backward_op = torch.library.custom_op("spikeavs::lif_backward", _gradients, mutates_args=())


@lif_backward_op.register_fake
def _lif_backward_fake(
    grad_spikes: Tensor, grad_last: Tensor | None, x: Tensor, *others: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    v0, rate, scale, bias, residual, step = others[:6]
    x = dense(x)
    numbers = [None if t is None else torch.empty_like(t, dtype=torch.float32) for t in (rate, scale, bias, step)]
    state = None if v0 is None else membrane_like(x)
    side = None if residual is None or scale is None else torch.empty_like(x)
    return (torch.empty_like(x), *(or_empty(x, t) for t in (state, *numbers[:3], side, numbers[3])))  # type: ignore[return-value]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.dynamics, ctx.channel, ctx.spikes, ctx.last = inputs
    ctx.save_for_backward(*tensors)
    if ctx.spikes != "same":
        ctx.mark_non_differentiable(output[0])


def _backward(ctx: Any, grad_spikes: Tensor | None, grad_last: Tensor | None) -> tuple[Tensor | None, ...]:
    x, v0, rate, scale, bias, residual, step = ctx.saved_tensors
    if grad_spikes is None or ctx.spikes != "same":
        grad_spikes = torch.zeros_like(x)
    if not ctx.last:
        grad_last = None
    saved = (x, v0, rate, scale, bias, residual, step)
    run = _gradients if is_plain(grad_spikes) else lif_backward_op
    gx, *others = run(grad_spikes, grad_last, *saved, ctx.dynamics, ctx.channel)
    if scale is None:
        others[4] = gx  # what is added to x shares its gradient
    given = [None if t is None else g.to(t.dtype) for t, g in zip(saved[1:], others, strict=True)]
    return (gx, *given, None, None, None, None)


lif_op.register_autograd(_backward, setup_context=_keep)


Lif = without_dispatcher("Lif", _forward, _keep, _backward)


def _run(x: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    found: tuple[Tensor, Tensor] = Lif.apply(x, *others) if is_plain(x) else lif_op(x, *others)
    return found


def check(x: Tensor, dynamics: Dynamics, scale: Tensor | None, bias: Tensor | None, channel: int, spikes: str) -> None:
    if x.dtype not in IO:
        raise ValueError(f"x is {x.dtype}, expected one of {', '.join(map(str, IO))}")
    if x.ndim < 1 or x.shape[0] < 1:
        raise ValueError(f"x has shape {tuple(x.shape)}, expected [T, ...] with at least one step")
    if (scale is None) != (bias is None):
        raise ValueError("scale and bias come together: one was given without the other")
    if scale is not None and bias is not None and not scale.shape == bias.shape == (x.shape[channel],):
        found = f"{tuple(scale.shape)} and {tuple(bias.shape)}"
        raise ValueError(
            f"scale and bias have shapes {found}, expected [{x.shape[channel]}] as dimension {channel} of x"
        )
    if spikes not in OUTPUTS:
        raise ValueError(f"spikes is '{spikes}', expected one of {', '.join(OUTPUTS)}")
    if spikes == "bits" and (dynamics.kind == "ilif" or dynamics.signed):
        raise ValueError("spikes 'bits' hold 0 or 1 only, expected 'bytes' for counts and signed spikes")
    if spikes == "bits" and scale is not None and cut(dense(x), channel).width % 8:
        raise ValueError("spikes 'bits' with an affine need rows of whole bytes, expected 'bytes'")


def lif(
    x: Tensor,
    dynamics: Dynamics,
    *,
    v0: Tensor | None = None,
    rate: Tensor | None = None,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    step: Tensor | None = None,
    channel: int = 2,
    spikes: str = "same",
) -> Tensor:
    """Counts neuron((scale x + bias + residual) / step), x [T, ...]; ``channel``: the dimension of scale and bias."""
    check(x, dynamics, scale, bias, channel, spikes)
    start = None if v0 is None else v0.expand(x.shape[1:])
    return _run(x, start, rate, scale, bias, residual, step, dynamics.text, channel, spikes, False)[0]


def lif_with_membrane(
    x: Tensor,
    dynamics: Dynamics,
    v0: Tensor | None = None,
    rate: Tensor | None = None,
    *,
    scale: Tensor | None = None,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    step: Tensor | None = None,
    channel: int = 2,
    spikes: str = "same",
) -> tuple[Tensor, Tensor]:
    """The counts of ``lif``, and the membrane after the last step, float32: the next call's ``v0``. Called step by
    step, the same bits as in one call."""
    check(x, dynamics, scale, bias, channel, spikes)
    start = None if v0 is None else v0.expand(x.shape[1:])
    return _run(x, start, rate, scale, bias, residual, step, dynamics.text, channel, spikes, True)

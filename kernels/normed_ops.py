"""Batch norm and neuron as one torch operator, ``spikeavs::normed_lif``, and its backward.

Kept for the backward pass: x, and numbers per channel. Those leave as a second output, for the running statistics.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kernels import lif as host
from kernels import normed
from kernels.dynamics import Dynamics, loads
from kernels.eager import is_plain, without_dispatcher
from kernels.layout import dense, ordered_as
from kernels.lif_ops import check, or_empty


def _call(x: Tensor, norm: Tensor, step: Tensor | None, rate: Tensor | None, dynamics: str, channel: int) -> host.Call:
    """The dense x, with the norm as the neuron's affine."""
    step, rate = (None if t is None else t.detach().float() for t in (step, rate))
    return host.Call(
        x=x,
        dynamics=loads(dynamics),
        rate=rate,
        scale=norm[normed.SCALE],
        bias=norm[normed.BIAS],
        step=step,
        centre=norm[normed.MEAN],
        channel=channel,
    )


def _forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    step: Tensor | None,
    rate: Tensor | None,
    dynamics: str,
    channel: int,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """Without ``mean`` and ``var`` they are the batch's."""
    x = dense(x.detach())
    norm = normed.numbers(x, weight, bias, mean, var, channel, eps)
    return host.forward(_call(x, norm, step, rate, dynamics, channel), "same", False)[0], norm


normed_lif_op = torch.library.custom_op("spikeavs::normed_lif", _forward, mutates_args=())


@normed_lif_op.register_fake
def _normed_lif_fake(x: Tensor, weight: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    return torch.empty_like(dense(x)), weight.new_empty(5, weight.shape[0], dtype=torch.float32)


def _gradients(
    grad: Tensor,
    x: Tensor,
    norm: Tensor,
    step: Tensor | None,
    rate: Tensor | None,
    dynamics: str,
    channel: int,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of x, weight, bias, step and rate. ``batch``: mean and variance are those of x."""
    x = dense(x.detach())
    ordered = ordered_as(x, grad)
    assert ordered is not None
    found = host.backward(_call(x, norm, step, rate, dynamics, channel), ordered, None)
    assert found.scale is not None and found.bias is not None
    by_weight = norm[normed.INVERSE] * found.scale
    if batch and x.numel():
        normed.correct(found.x, x, channel, norm, by_weight, found.bias)
    return found.x, by_weight, found.bias, or_empty(x, found.step), or_empty(x, found.rate)


normed_lif_backward_op = torch.library.custom_op("spikeavs::normed_lif_backward", _gradients, mutates_args=())


@normed_lif_backward_op.register_fake
def _normed_lif_backward_fake(
    grad: Tensor, x: Tensor, norm: Tensor, *others: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    channel = norm.new_empty(norm.shape[1])
    small = [None if t is None else torch.empty_like(t, dtype=torch.float32) for t in others[:2]]
    return torch.empty_like(dense(x)), channel, torch.empty_like(channel), *(or_empty(x, t) for t in small)  # type: ignore[return-value]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, bias, mean, _, step, rate, dynamics, channel, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, output[1], step, rate)
    ctx.rest = (dynamics, channel, mean is None)
    ctx.kinds = (weight.dtype, bias.dtype)


def _backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, norm, step, rate = ctx.saved_tensors
    run = _gradients if is_plain(grad) else normed_lif_backward_op
    by_x, by_weight, by_bias, *others = run(grad, x, norm, step, rate, *ctx.rest)
    small = [None if t is None else g.to(t.dtype) for t, g in zip((step, rate), others, strict=True)]
    return (by_x, by_weight.to(ctx.kinds[0]), by_bias.to(ctx.kinds[1]), None, None, *small, None, None, None)


normed_lif_op.register_autograd(_backward, setup_context=_keep)


NormedLif = without_dispatcher("NormedLif", _forward, _keep, _backward)


def normed_lif(
    x: Tensor,
    dynamics: Dynamics,
    *,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    channel: int,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    step: Tensor | None = None,
    rate: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Counts neuron(norm(x) / step), x [T, ...], and ``kernels.normed``'s numbers: mean and variance are the given ones
    or those of x itself, over all but ``channel``; x has their gradient then."""
    check(x, dynamics, weight, bias, channel, "same")
    if (mean is None) != (var is None):
        raise ValueError("mean and var come together: one was given without the other")
    run = NormedLif.apply if is_plain(x) else normed_lif_op
    found: tuple[Tensor, Tensor] = run(x, weight, bias, mean, var, step, rate, dynamics.text, channel, eps)
    return found

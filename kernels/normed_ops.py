"""Batch norm and neuron as one torch operator, ``spikeavs::normed_lif``, and its backward.

x is flat, [T B, ...]. Kept for the backward pass: x, and numbers per channel. Those leave as a second output, for the
running statistics; a call outside of every compiler moves these by itself, since an operator may not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kernels.dynamics import Dynamics
from kernels.eager import is_plain, without_dispatcher
from kernels.layout import cut, dense
from kernels.lif_ops import check, or_empty
from kernels.normed import MEAN, VAR, Running, Spec, normed_of
from kernels.plan import in_order, ready, single


def _run(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    step: Tensor | None,
    rate: Tensor | None,
    spec: Spec,
    running: Running | None,
) -> tuple[Tensor, Tensor]:
    x = ready(x, spec.steps)
    if not x.numel():
        return torch.empty_like(x), weight.new_zeros(5, weight.shape[0], dtype=torch.float32)
    step, rate = single(step), single(rate)
    plan = normed_of(x, spec, step is not None, rate is not None)
    numbers = plan.numbers_of(x, single(weight), single(bias), single(mean), single(var), running)
    return plan.forward(x, numbers, step, rate), numbers


def _back(
    grad: Tensor, x: Tensor, numbers: Tensor, step: Tensor | None, rate: Tensor | None, spec: Spec
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Of x, of weight and bias [2, C], of step and of rate."""
    x = ready(x, spec.steps)
    if not x.numel():
        nothing = [None if t is None else torch.zeros_like(t, dtype=torch.float32) for t in (step, rate)]
        return torch.empty_like(x), numbers.new_zeros(2, x.shape[spec.channel]), nothing[0], nothing[1]
    step, rate = single(step), single(rate)
    plan = normed_of(x, spec, step is not None, rate is not None)
    return plan.backward(in_order(x, grad), x, numbers, step, rate)


# ---- the operator, for compilers and tracers -------------------------------------------------------------------------
def _forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    step: Tensor | None,
    rate: Tensor | None,
    dynamics: str,
    steps: int,
    channel: int,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """Without ``mean`` and ``var`` they are the batch's. The numbers leave once a channel."""
    spec = Spec(dynamics=dynamics, steps=steps, channel=channel, eps=eps, batch=mean is None)
    counts, numbers = _run(x, weight, bias, mean, var, step, rate, spec, None)
    return counts, numbers[:, : weight.shape[0]].clone()


normed_lif_op = torch.library.custom_op("spikeavs::normed_lif", _forward, mutates_args=())


@normed_lif_op.register_fake
def _normed_lif_fake(x: Tensor, weight: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    x = _dense(x, others[-3])
    return torch.empty_like(x), weight.new_empty(5, weight.shape[0], dtype=torch.float32)


def _gradients(
    grad: Tensor,
    x: Tensor,
    numbers: Tensor,
    step: Tensor | None,
    rate: Tensor | None,
    dynamics: str,
    steps: int,
    channel: int,
    eps: float,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    spec = Spec(dynamics=dynamics, steps=steps, channel=channel, eps=eps, batch=batch)
    repeat = cut(_dense(x, steps).unflatten(0, (steps, -1)), channel + 1).repeat if x.numel() else 1
    by_x, totals, by_step, by_rate = _back(grad, x, numbers.repeat(1, repeat), step, rate, spec)
    return by_x, totals.clone(), or_empty(x, by_step), or_empty(x, by_rate)


normed_lif_backward_op = torch.library.custom_op("spikeavs::normed_lif_backward", _gradients, mutates_args=())


@normed_lif_backward_op.register_fake
def _normed_lif_backward_fake(
    grad: Tensor, x: Tensor, numbers: Tensor, *others: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    step, rate, _, steps, channel, _, _ = others
    small = [None if t is None else torch.empty_like(t, dtype=torch.float32) for t in (step, rate)]
    totals = numbers.new_empty(2, x.shape[channel])
    return torch.empty_like(_dense(x, steps)), totals, *(or_empty(x, t) for t in small)  # type: ignore[return-value]


def _dense(x: Tensor, steps: int) -> Tensor:
    return dense(x.unflatten(0, (steps, -1))).flatten(0, 1)


def kinds_of(*tensors: Tensor | None) -> list[torch.dtype | None]:
    return [None if t is None else t.dtype for t in tensors]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, bias, mean, _, step, rate, *rest = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, output[1], step, rate)
    ctx.rest = (*rest, mean is None)
    ctx.kinds = kinds_of(weight, bias, step, rate)


def _in_kind(ctx: Any, found: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """Gradients of x, weight, bias, step and rate, as those are."""
    by_x, totals, *others = found
    assert totals is not None
    kinds = zip((*totals, *others), ctx.kinds, strict=True)
    return by_x, *(None if kind is None or g is None else g.to(kind) for g, kind in kinds)


def _backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    by_x, by_weight, by_bias, *small = _in_kind(ctx, normed_lif_backward_op(grad, *ctx.saved_tensors, *ctx.rest))
    return by_x, by_weight, by_bias, None, None, *small, None, None, None, None


normed_lif_op.register_autograd(_backward, setup_context=_keep)


# ---- the plain call --------------------------------------------------------------------------------------------------
def _plain_keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, bias, _, _, step, rate, spec, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, output[1], step, rate)
    ctx.spec, ctx.kinds = spec, kinds_of(weight, bias, step, rate)


def _plain_backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, numbers, step, rate = ctx.saved_tensors
    by_x, by_weight, by_bias, *small = _in_kind(ctx, _back(grad, x, numbers, step, rate, ctx.spec))
    return by_x, by_weight, by_bias, None, None, *small, None, None


NormedLif = without_dispatcher("NormedLif", _run, _plain_keep, _plain_backward)


def normed_lif(
    x: Tensor,
    dynamics: Dynamics,
    steps: int,
    *,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    channel: int,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    step: Tensor | None = None,
    rate: Tensor | None = None,
    running: Running | None = None,
) -> Tensor:
    """Counts neuron(norm(x) / step), x [T B, ...]: mean and variance are the given ones or those of x itself, over all
    but ``channel``; x has their gradient then, and ``running`` moves by them."""
    if (mean is None) != (var is None):
        raise ValueError("mean and var come together: one was given without the other")
    by_kernel = running is not None and running.mean.dtype == torch.float32
    if is_plain(x) and (by_kernel or running is None):
        check(x, dynamics, weight, bias, channel, "same")
        momentum = None if running is None else running.momentum
        spec = Spec(
            dynamics=dynamics.text, steps=steps, channel=channel, eps=eps, batch=mean is None, momentum=momentum
        )
        counts: Tensor = NormedLif.apply(x, weight, bias, mean, var, step, rate, spec, running)[0]
        return counts
    text = dynamics.text
    counts, numbers = normed_lif_op(x, weight, bias, mean, var, step, rate, text, steps, channel, eps)
    if running is not None:
        with torch.no_grad():
            run_on(running, numbers[MEAN], numbers[VAR], x.numel() // x.shape[channel])
    return counts


def run_on(running: Running, mean: Tensor, var: Tensor, elements: int) -> None:
    """What ``nn.BatchNorm`` does: ``var`` is divided by the ``elements`` of a channel; what runs on by one less."""
    running.tracked.add_(1)
    rate = 1.0 / running.tracked.float() if running.momentum is None else running.momentum
    running.mean.lerp_(mean.to(running.mean.dtype), rate)
    running.var.lerp_((var * (elements / (elements - 1))).to(running.var.dtype), rate)

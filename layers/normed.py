"""``normed_counts``: batch norm and neurons in one, by ``kernels.normed_ops``.

n = neuron(norm(x) / step). Statistics are one pass over x, norm and neurons a second; what is kept for the backward
pass is x, which the norm alone would keep too: neither its output nor the counts.
"""

from __future__ import annotations

from typing import TypeGuard

from torch import Tensor, nn

from kernels.dynamics import Dynamics
from kernels.lif_ops import lif_with_membrane
from kernels.normed import BIAS, SCALE, Running, Spec, normed_of
from kernels.normed_ops import normed_lif
from kernels.plan import ready, single
from layers.weighted import ChannelBatchNorm

BatchNorm = nn.BatchNorm2d | ChannelBatchNorm
CHANNEL: dict[type[nn.Module], int] = {nn.BatchNorm2d: 1, ChannelBatchNorm: -1}  # the dimension of x [T B, ...]


def is_fused(norm: nn.Module | None) -> TypeGuard[BatchNorm]:
    """Is it a batch norm with weights and running statistics?"""
    return type(norm) in CHANNEL and norm.affine and norm.track_running_stats  # type: ignore[union-attr, return-value]


def normed_counts(
    x: Tensor,
    norm: BatchNorm,
    step: Tensor | None,
    dynamics: Dynamics,
    steps: int,
    rate: Tensor | None = None,
) -> Tensor:
    """x [T B, C, H, W] (``nn.BatchNorm2d``) or [T B, ..., C] (``ChannelBatchNorm``), T-major -> counts. In training
    by the batch's statistics, which run on; else by the running ones. Wants ``is_fused(norm)`` and a kernel."""
    channel = CHANNEL[type(norm)] % x.ndim
    mean = var = running = None
    if not norm.training:
        mean, var = norm.running_mean, norm.running_var
    elif x.numel() < 2 * norm.num_features:
        raise ValueError(f"x has shape {tuple(x.shape)}, expected more than one value per channel when training")
    else:
        running = _running(norm)
    return normed_lif(
        x,
        dynamics,
        steps,
        weight=norm.weight,
        bias=norm.bias,
        eps=norm.eps,
        channel=channel,
        mean=mean,
        var=var,
        step=step,
        rate=rate,
        running=running,
    )


def _running(norm: BatchNorm) -> Running:
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    tracked, momentum = norm.num_batches_tracked, norm.momentum
    return Running(mean=norm.running_mean, var=norm.running_var, tracked=tracked, momentum=momentum)


def normed_step(
    x: Tensor, state: Tensor, norm: BatchNorm, step: Tensor | None, dynamics: Dynamics, rate: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One step by the running statistics, x [B, ...]: counts, and the membrane after it. The bits of
    ``normed_counts``."""
    channel = CHANNEL[type(norm)] % x.ndim
    whole = ready(x, 1)
    spec = Spec(dynamics=dynamics.text, steps=1, channel=channel, eps=norm.eps, batch=False)
    plan = normed_of(whole, spec, step is not None, rate is not None)
    seen = single(norm.running_mean), single(norm.running_var)
    numbers = plan.numbers_of(whole, single(norm.weight), single(norm.bias), *seen)[:, : norm.num_features]
    counts, state = lif_with_membrane(
        x[None], dynamics, state, rate, scale=numbers[SCALE], bias=numbers[BIAS], step=step, channel=channel + 1
    )
    return counts[0], state

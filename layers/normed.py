"""``normed_counts``: batch norm and neurons in one, by ``kernels.normed_ops``.

n = neuron(norm(x) / step). Statistics are one pass over x, norm and neurons a second; what is kept for the backward
pass is x, which the norm alone would keep too: neither its output nor the counts.
"""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import Tensor, nn

from kernels.dynamics import Dynamics
from kernels.layout import dense
from kernels.lif_ops import lif_with_membrane
from kernels.normed import BIAS, MEAN, SCALE, VAR, numbers
from kernels.normed_ops import normed_lif
from layers.weighted import ChannelBatchNorm

BatchNorm = nn.BatchNorm2d | ChannelBatchNorm
CHANNEL: dict[type[nn.Module], int] = {nn.BatchNorm2d: 2, ChannelBatchNorm: -1}  # the dimension of x [T, B, ...]


def is_fused(norm: nn.Module | None) -> TypeGuard[BatchNorm]:
    """Is it a batch norm with weights and running statistics?"""
    return type(norm) in CHANNEL and norm.affine and norm.track_running_stats  # type: ignore[union-attr, return-value]


def run_on(norm: BatchNorm, mean: Tensor, var: Tensor, elements: int) -> None:
    """What ``nn.BatchNorm`` does to its running statistics: they move by the momentum, or are the plain mean of all
    where it is None. ``var`` is divided by the ``elements`` of a channel; what runs on is divided by one less."""
    assert norm.num_batches_tracked is not None and norm.running_mean is not None and norm.running_var is not None
    norm.num_batches_tracked.add_(1)
    rate = 1.0 / norm.num_batches_tracked.float() if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), rate)
    norm.running_var.lerp_((var * (elements / (elements - 1))).to(norm.running_var.dtype), rate)


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
    channel = CHANNEL[type(norm)]
    elements = x.numel() // norm.num_features
    if norm.training and elements < 2:
        raise ValueError(f"x has shape {tuple(x.shape)}, expected more than one value per channel when training")
    known = (None, None) if norm.training else (norm.running_mean, norm.running_var)
    x = x.unflatten(0, (steps, -1))
    counts, found = normed_lif(
        x,
        dynamics,
        weight=norm.weight,
        bias=norm.bias,
        eps=norm.eps,
        channel=channel % x.ndim,
        mean=known[0],
        var=known[1],
        step=step,
        rate=rate,
    )
    if norm.training:
        with torch.no_grad():
            run_on(norm, found[MEAN], found[VAR], elements)
    return counts.flatten(0, 1)


def normed_step(
    x: Tensor, state: Tensor, norm: BatchNorm, step: Tensor | None, dynamics: Dynamics, rate: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One step by the running statistics, x [B, ...]: counts, and the membrane after it. The bits of
    ``normed_counts``."""
    channel, seen = CHANNEL[type(norm)] % (x.ndim + 1), (norm.running_mean, norm.running_var)
    found = numbers(dense(x.detach()[None]), norm.weight, norm.bias, *seen, channel, norm.eps)
    counts, state = lif_with_membrane(
        x[None], dynamics, state, rate, scale=found[SCALE], bias=found[BIAS], step=step, channel=channel
    )
    return counts[0], state

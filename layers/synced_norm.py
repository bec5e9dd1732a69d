"""Batch norms whose statistics are those of all processes' batches together, for training in several.

    mean = sum x / n,   var = sum (x - mean)^2 / n        sums and n over all processes
    y = weight (x - mean) / sqrt(var + eps) + bias

A gradient passes through the sums, to every process: what several compute is what one would, up to the order of sums.
torch's own ``SyncBatchNorm`` does this on a GPU only. Neurons behind such a norm are not fused with it.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from layers.weighted import ChannelBatchNorm


def synced_batch_norm(x: Tensor, norm: nn.modules.batchnorm._BatchNorm, channel: int) -> Tensor:
    """x with its channels in dimension ``channel``; the running statistics of ``norm`` go on as torch's do."""
    whole = x if x.dtype is torch.float64 else x.float()
    others = [d for d in range(x.ndim) if d != channel]
    shape = [-1 if d == channel else 1 for d in range(x.ndim)]
    size = torch.tensor(x.numel() // x.shape[channel], dtype=torch.float64, device=x.device)
    dist.all_reduce(size)
    mean = all_reduce(whole.sum(others)) / size
    centred = whole - mean.reshape(shape)
    var = all_reduce(centred.square().sum(others)) / size
    _run_on(norm, mean.detach(), var.detach() * (size / (size - 1)))
    y = centred * torch.rsqrt(var + norm.eps).reshape(shape)
    if norm.affine:
        y = y * norm.weight.reshape(shape) + norm.bias.reshape(shape)
    return y.to(x.dtype)


@torch.no_grad()
def _run_on(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, var: Tensor) -> None:
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked += 1
    share = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean), share)
    norm.running_var.lerp_(var.to(norm.running_var), share)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return synced_batch_norm(x, self, 1) if self.training else super().forward(x)


class SyncedChannelBatchNorm(ChannelBatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        return synced_batch_norm(x, self, x.ndim - 1) if self.training else super().forward(x)


SYNCED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm2d: SyncedBatchNorm2d,
    ChannelBatchNorm: SyncedChannelBatchNorm,
}


def synchronise(module: nn.Module) -> None:
    """Every batch norm in it, in place: they keep their names, their numbers, and everybody who holds them."""
    for part in module.modules():
        if type(part) in SYNCED:
            part.__class__ = SYNCED[type(part)]

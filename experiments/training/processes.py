"""One process or several: who this one is, and what all of them agree on. Alone, nothing is sent.

Ranks are numbered from 0; only rank 0, the first, writes and speaks. Processes are started by Lightning Fabric itself,
by torchrun, or by SLURM's srun.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def several() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    return dist.get_rank() if several() else 0


def world() -> int:
    return dist.get_world_size() if several() else 1


def first() -> bool:
    return rank() == 0


def total(values: Tensor) -> Tensor:
    """The sum over all processes, in each of them."""
    if several():
        dist.all_reduce(values)
    return values


def largest(values: Tensor) -> Tensor:
    if several():
        dist.all_reduce(values, op=dist.ReduceOp.MAX)
    return values


def gathered(values: Tensor) -> Tensor:
    """Rows of all processes, by rank; every process has as many."""
    if not several():
        return values
    parts = [torch.empty_like(values) for _ in range(world())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts)


def wait() -> None:
    """Until all are here."""
    if several():
        dist.barrier()


def leave() -> bool:
    """End the work of several. True in the one that goes on alone."""
    alone = first()
    if several():
        dist.barrier()
        dist.destroy_process_group()
    return alone

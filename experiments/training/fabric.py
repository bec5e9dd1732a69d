"""Settings -> Lightning Fabric: the devices, how several processes share the work, and the precision.

``fabric.devices`` 0 is what torchrun or SLURM started on this machine, else one. Given without a launcher, Fabric
starts the other processes itself, each with this command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from experiments.errors import UserError
from experiments.model import model_spec
from experiments.settings import FabricSettings, RunSettings
from experiments.training.criterion import Criterion, may_be_unused
from experiments.training.freezing import freeze
from experiments.training.optimizer import optimizer_of
from experiments.training.sharding import average_whole, shard
from graph.graph import Graph
from layers.synced_norm import synchronise

FUSED = ("cpu", "cuda")

# Which variable says how many processes a launcher started on a machine, and on how many machines.
LOCAL = ("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE")
NODES = ("GROUP_WORLD_SIZE", "SLURM_NNODES")
# Strategy of (processes, whether some weights may have no gradient).
STRATEGIES: dict[str, Callable[[int, bool], Strategy]] = {
    "ddp": lambda count, idle: DDPStrategy(find_unused_parameters=idle),
    "fsdp": lambda count, idle: ModelParallelStrategy(
        parallelize_fn=shard, data_parallel_size=count, tensor_parallel_size=1
    ),
}


def _stated(names: tuple[str, ...]) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()), 1)


def devices_of(settings: FabricSettings) -> tuple[int, int]:
    """(processes on a machine, machines)."""
    return settings.devices or _stated(LOCAL), settings.nodes or _stated(NODES)


def fabric_of(settings: RunSettings, device: torch.device, graph: Graph) -> Fabric:
    count, nodes = devices_of(settings.fabric)
    word = settings.fabric.strategy
    if word == "auto" and count * nodes > 1:
        word = "ddp"
    devices: Any = [device.index] if device.index is not None and count == 1 else count
    try:
        return Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=nodes,
            strategy=STRATEGIES[word](count * nodes, may_be_unused(settings, graph)) if count * nodes > 1 else "auto",
            precision=settings.fabric.precision,
        )
    except (ValueError, RuntimeError) as error:
        raise UserError(f"fabric.devices is {count} on {nodes} machines: {error}") from error


def layout(fabric: Fabric) -> torch.memory_format:
    """Channels last is what convolutions like best; FSDP cuts plain rows only."""
    return torch.preserve_format if isinstance(fabric.strategy, ModelParallelStrategy) else torch.channels_last


def wrap(fabric: Fabric, criterion: Criterion, settings: RunSettings) -> tuple[_FabricModule, _FabricOptimizer]:
    """The module that is called, and the optimizer that is stepped. What will ever train must be free to when it is
    wrapped: DDP counts the gradients that it waits for only then."""
    freeze(criterion.network, model_spec(settings.model).frozen)
    if fabric.world_size > 1 and settings.fabric.sync_norm:
        synchronise(criterion)
    module = fabric.setup_module(criterion)
    # A scaler of gradients and a fused update do not go together.
    fused = settings.fabric.precision != "16-mixed" and fabric.device.type in FUSED
    optimizer = optimizer_of(criterion, settings.train, fused=fused)
    return module, cast(_FabricOptimizer, fabric.setup_optimizers(optimizer))


def unsynced(fabric: Fabric, module: _FabricModule, yes: bool) -> AbstractContextManager[Any]:
    """Gradients of all but the last part of a step stay in their process."""
    return fabric.no_backward_sync(module, enabled=yes) if fabric.world_size > 1 else nullcontext()


def clip_gradients(fabric: Fabric, criterion: Criterion, optimizer: Any, most: float) -> Tensor | None:
    """Scale all gradients so that their common norm is at most ``most``; -> that norm, None if none is clipped."""
    if fabric.world_size > 1 and any(isinstance(p, DTensor) for p in criterion.parameters()):
        average_whole(criterion)
    if not most:
        return None
    fabric.strategy.precision.unscale_gradients(optimizer)
    owners = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    kinds = [[p for p in owners if isinstance(p, DTensor) is sharded] for sharded in (False, True)]
    norms = [get_total_norm([p.grad for p in kind]) for kind in kinds if kind]
    whole = [norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in norms]
    norm = whole[0] if len(whole) == 1 else torch.stack(whole).norm()
    if bool(norm.isfinite()):  # else they stay as they are, to be looked at
        for kind in filter(None, kinds):
            clip_grads_with_norm_(kind, most, norm)
    return norm

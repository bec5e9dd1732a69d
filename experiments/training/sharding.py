"""FSDP: every process keeps a part of the weights, their gradients and their optimizer's state, and asks for the
rest of a block when it runs.

Blocks are the innermost scopes of a network that hold weights; what stands outside them, sites among it, is one more. A
weight that is itself a value of the graph (``Param``) may be read after its scope has run, when a block's weights are
given back: its scope is no block. Numbers [] cannot be cut: they stay whole everywhere, and their gradients are
averaged here.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from experiments.training.criterion import Criterion
from graph.lower import Network
from graph.lower.network import Scope
from graph.ops import Param


def blocks(network: Network) -> list[Scope]:
    """Scopes with weights, without a scope inside and without a value of the graph among the weights."""
    params = {node.weights for node in network.graph.nodes.values() if isinstance(node.op, Param)}
    scopes = {name: part for name, part in network.named_modules() if isinstance(part, Scope) and name}
    return [
        scope
        for name, scope in scopes.items()
        if next(scope.parameters(), None) is not None
        and not any(other.startswith(f"{name}.") for other in (*scopes, *params))
    ]


def whole(module: nn.Module) -> set[nn.Parameter]:
    return {parameter for parameter in module.parameters() if parameter.ndim == 0}


def shard(criterion: Criterion, mesh: DeviceMesh) -> Criterion:
    """In place. ``mesh`` has a dimension ``data_parallel``."""
    numbers, data = whole(criterion), mesh["data_parallel"]
    for block in blocks(criterion.network):
        fully_shard(block, mesh=data, ignored_params=numbers)
    fully_shard(criterion, mesh=data, ignored_params=numbers)
    return criterion


@torch.no_grad()
def average_whole(criterion: nn.Module) -> None:
    """The gradients that FSDP leaves alone."""
    for parameter in sorted_by_name(criterion):
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()


def sorted_by_name(criterion: nn.Module) -> list[nn.Parameter]:
    return [parameter for _, parameter in sorted(criterion.named_parameters()) if parameter.ndim == 0]

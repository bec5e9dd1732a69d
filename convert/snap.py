"""Snap a folded network to the dyadic grid, where fp32 sums are exact in any order.

Weights, biases, learnt tables and thresholds become multiples of 2**-bits; steps are powers of two already; inputs and
offsets are on grids of their own. A sum of multiples of 2**-g is exact in fp32 as long as every partial sum stays below
2**24 units: ``headroom`` measures, on given frames, the largest sum of absolute terms that any op could form, in units.
"""

from __future__ import annotations

from math import frexp

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from events.bounds import EXACT, fractional_bits
from graph.graph import Node
from graph.lower import Network, observe
from graph.ops import Affine, Conv, Firing, Input, Norm, Op, Param, Scaled
from layers import quantise
from layers.site import ThresholdSite
from layers.weighted import Affine as AffineLayer

LIMIT = EXACT


def to_grid(x: Tensor, bits: int) -> Tensor:
    return quantise.to_grid(x.double(), bits).to(x.dtype)


def _weighted(module: Network, node: Node) -> nn.Conv2d | nn.Linear:
    layer = module.get_submodule(node.weights)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    return layer


@torch.no_grad()
def snap(module: Network, bits: int) -> Network:
    """In place, on a folded network; what cannot be put on the grid is an error that names it."""
    for name, node in module.graph.nodes.items():
        op = node.op
        if isinstance(op, Norm):
            raise ValueError(f"'{name}' is a norm of live statistics, so the network has no dyadic form")
        if isinstance(op, Affine):
            _snap_affine(module.get_submodule(node.weights), module.graph[node.args[0]].op, bits)
        if op.weighted:
            layer = _weighted(module, node)
            layer.weight.copy_(to_grid(layer.weight, bits))
            if layer.bias is not None:
                layer.bias.copy_(to_grid(layer.bias, bits))
        elif isinstance(op, Param):
            owner, _, leaf = node.weights.rpartition(".")
            table = module.get_submodule(owner).get_parameter(leaf)
            table.copy_(to_grid(table, bits))
        elif isinstance(op, Firing) and op.site is not None:
            _snap_site(name, module.get_submodule(name), bits)
    return module


def _snap_affine(layer: nn.Module, source: Op, bits: int) -> None:
    """Its value is rounded as well; a norm of an input to the input's grid, since a weighted op may read it."""
    assert isinstance(layer, AffineLayer)
    layer.scale.copy_(to_grid(layer.scale, bits))
    layer.shift.copy_(to_grid(layer.shift, bits))
    layer.grain.fill_(2.0 ** -(source.grid if isinstance(source, Input) and source.grid else bits))


def _snap_site(name: str, site: nn.Module, bits: int) -> None:
    if not isinstance(site, ThresholdSite):
        raise ValueError(f"'{name}' runs over several steps; only a one-step integer network has an exact dyadic form")
    if frexp(float(site.step))[0] != 0.5:
        raise ValueError(f"'{name}' has step {float(site.step)}, expected a power of two")
    limit = 2.0**20  # a threshold beyond any sum stays where it is: still never, or always, crossed
    site.upper.copy_(to_grid(site.upper.clamp(-limit, limit), bits))
    if site.signed:
        site.lower.copy_(to_grid(site.lower.clamp(-limit, limit), bits))


def grid_of(x: Tensor) -> int:
    """The fewest fractional bits that hold every value of x exactly (at most 40)."""
    return fractional_bits(x.detach().cpu().numpy())


@torch.no_grad()
def headroom(module: Network, batch: dict[str, Tensor]) -> dict[str, float]:
    """Weighted op -> largest possible partial sum in grid units over the limit 2**24; below 1 is exact in any order."""
    largest = {}

    def see(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if not isinstance(node.op, Scaled) or not node.op.weighted:
            return
        layer, x = _weighted(module, node), inputs[0]
        weight, bias = layer.weight.double() * module.unit(node.op.unit), layer.bias
        units = 2.0 ** (grid_of(x) + grid_of(weight))
        size = None if bias is None else bias.double().abs()
        if isinstance(op := node.op, Conv):
            total = F.conv2d(x.double().abs(), weight.abs(), size, op.stride, op.padding, op.dilation, op.groups)
        else:
            total = F.linear(x.double().abs(), weight.abs(), size)
        largest[node.name] = float(total.max()) * units / LIMIT

    observe(module, batch, see)
    return largest

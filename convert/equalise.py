"""A step for each channel, and no neuron that knows of it: what a site reads is divided by r_c channel by channel, and
the weights behind it are multiplied by r_c (Nagel et al., ICCV 2019, who equalise weights; here the counts are).

    r_c = quantile_p(|x_c|) / max_c quantile_p(|x_c|)        fire(x / (r s)) r s

With real values it is the same function. One step s a site now serves every channel: counts, kernels and the event
runner are as they were. Possible where a norm feeds the site alone, and its counts reach nothing but the weights of
convolutions and linear layers, through layout that keeps a channel whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graph.graph import Graph, Node
from graph.lower import Network
from graph.ops import Act, Array, Conv, Fold, Linear, Norm, Unfold

SMALLEST = 1e-2  # of r: a channel that is hardly ever active is not blown up to the size of the others
SAMPLE = 1 << 20  # torch.quantile takes at most 2**24 values; a million are plenty


@dataclass(frozen=True, kw_only=True)
class Place:
    """``site``: whose counts; ``norm``: in front of it; ``readers``: weights -> the site's channel of each input."""

    site: str
    axis: int
    norm: str
    readers: Mapping[str, Array]


def places(graph: Graph) -> Iterator[Place]:
    """Of a spiking graph, not folded."""
    readers, users = graph.consumers(), dict[str, set[str]]()
    for node in graph.nodes.values():
        users.setdefault(node.weights, set()).add(node.name)
    for name, node in graph.nodes.items():
        op = node.op
        if not isinstance(op, Act) or op.site is None or op.site.norm is not None or op.gain_shift != (1.0, 0.0):
            continue
        norm = graph[node.args[0]]
        if not isinstance(norm.op, Norm) or norm.op.axis != op.axis or readers[norm.name] != [name]:
            continue
        reached = _reached(graph, readers, node)
        weights = {graph[reader].weights for reader in reached}
        own = users[norm.weights] == {norm.name} and {u for w in weights for u in users[w]} == set(reached)
        if reached and own:
            channels = {graph[reader].weights: channel for reader, channel in reached.items()}
            yield Place(site=name, axis=op.axis, norm=norm.weights, readers=channels)


def _reached(graph: Graph, readers: Mapping[str, list[str]], site: Node) -> dict[str, Array]:
    """Weighted op -> the site's channel of each of its inputs; nothing if the counts reach anything else."""
    across = (-1, *(1 for _ in site.shape[1:])) if site.op.axis == 0 else (-1,)  # type: ignore[attr-defined]
    channels = np.arange(site.shape[0 if len(across) > 1 else -1]).reshape(across)
    reached, queue = dict[str, Array](), [(site.name, np.broadcast_to(channels, (1, *site.shape)))]
    while queue:
        name, channel = queue.pop()
        for reader in readers[name]:
            op = graph[reader].op
            if op.hoists and not isinstance(op, Fold | Unfold):
                queue.append((reader, op.meaning(channel)))
                continue
            by_input = np.moveaxis(channel, 1 if isinstance(op, Conv) else -1, 0)
            if not isinstance(op, Conv | Linear) or np.ptp(by_input.reshape(len(by_input), -1), 1).any():
                return {}
            reached[reader] = by_input.reshape(len(by_input), -1)[:, 0].copy()
    return reached


def some(x: Tensor) -> Tensor:
    """Of very many values along the last axis, so many, evenly."""
    return x[..., :: max(1, x.shape[-1] // SAMPLE)]


def ratios(x: Tensor, axis: int, percentile: float) -> Tensor:
    """r [C] of x [B, C, H, W] (axis 0) or [B, ..., C] (axis -1)."""
    rows = some(x.abs().movedim(1 if axis == 0 else -1, 0).flatten(1))
    each = torch.stack([row.quantile(percentile) for row in rows])
    return (each / each.max()).clamp(min=SMALLEST) if each.max() > 0 else torch.ones_like(each)


@torch.no_grad()
def equalise(spiking: Network, ratio: Mapping[str, Tensor]) -> None:
    """``ratio``: of each site; of its graph's places only."""
    for place in places(spiking.graph):
        r = ratio[place.site]
        norm = spiking.get_submodule(place.norm)
        for table in (norm.weight, norm.bias):
            table.div_(r)  # type: ignore[operator]
        for weights, channel in place.readers.items():
            reader = spiking.get_submodule(weights)
            weight: Tensor = reader.weight  # type: ignore[assignment]
            of = r[torch.from_numpy(channel)]
            groups: int = getattr(reader, "groups", 1)
            of = of.reshape(groups, 1, -1).expand(-1, len(weight) // groups, -1).reshape(len(weight), -1)
            weight.mul_(of.reshape(*of.shape, *(1 for _ in weight.shape[2:])))

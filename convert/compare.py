"""How far two networks of one graph are apart: layer by layer in value, site by site in counts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graph.graph import Node
from graph.lower import Network, observe
from graph.ops import Firing

Batch = dict[str, Tensor]


def _values(network: Network, batch: Batch, keep: Callable[[Node], bool]) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}

    def see(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if keep(node):
            values[node.name] = value

    observe(network, batch, see)
    return values


def layer_distance(ann: Network, spiking: Network, batch: Batch) -> list[tuple[str, float]]:
    """(weighted op, |snn - ann| / |ann|) in order; stepped values are averaged over their steps."""
    a, b = (_values(n, batch, lambda node: node.op.weighted) for n in (ann, spiking))
    rows = []
    for name in a:
        if name in b:
            mean = b[name].unflatten(0, (-1, len(a[name]))).mean(0)
            rows.append((name, float((mean - a[name]).norm() / a[name].norm().clamp(min=1e-12))))
    return rows


def equal_counts(a: Network, b: Network, batch: Batch) -> float:
    """The share of neurons that fire the same count in both, over all sites. Off the grid 1.0 would not be exact."""

    def site(node: Node) -> bool:
        return isinstance(node.op, Firing) and node.op.site is not None

    first, second = (_values(n, batch, site) for n in (a, b))
    same = sum(int(torch.eq(first[name], second[name]).sum()) for name in first)
    return same / max(sum(n.numel() for n in first.values()), 1)

"""How far two networks of one graph are apart: layer by layer in value, site by site in counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from graph.graph import Node
from graph.lower import Network, observe
from graph.lower.scopes import SITES
from graph.ops import Firing

Batch = dict[str, Tensor]


def _values(
    network: Network, batch: Batch, keep: Callable[[Node], bool], instead: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}

    def see(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if keep(node):
            values[node.name] = value.detach()  # a parameter is its own value

    observe(network, batch, see, instead=instead)
    return values


def _site(node: Node) -> bool:
    return isinstance(node.op, Firing) and node.op.site is not None


def layer_distance(ann: Network, spiking: Network, batch: Batch) -> list[tuple[str, float]]:
    """(weighted op, |snn - ann| / |ann|) in order; stepped values are averaged over their steps."""
    a, b = (_values(n, batch, lambda node: node.op.weighted) for n in (ann, spiking))
    rows = []
    for name in a:
        if name in b:
            mean = b[name].unflatten(0, (-1, len(a[name]))).mean(0)
            rows.append((name, float((mean - a[name]).norm() / a[name].norm().clamp(min=1e-12))))
    return rows


def site_distance(ann: Network, spiking: Network, batch: Batch) -> dict[str, float]:
    """Site -> |snn - ann| / |ann|: what its counts stand for, the mean over its steps, and the value of the ANN."""
    worth, counts = spiking.counts(), _values(spiking, batch, _site)
    values = _values(ann, batch, lambda node: f"{SITES}{node.name}" in counts)
    found = {}
    for name, n in counts.items():
        value = values.get(name.removeprefix(SITES))
        if value is not None and n.numel() % value.numel() == 0:
            mean = n.unflatten(0, (-1, len(value))).mean(0) * worth[name]
            found[name] = float((mean - value).norm() / value.norm().clamp(min=1e-12))
    return found


def equal_counts(a: Network, b: Network, batch: Batch, *, site_by_site: bool = False) -> float:
    """The share of neurons that fire the same count in both, over all sites. Off the grid 1.0 would not be exact.

    ``site_by_site``: what follows a site of ``b`` reads the counts of ``a``, so that each site answers for itself; else
    one count that is another in an early layer moves many of those behind it."""
    first = site_counts(a, batch)
    return same_share(first, site_counts(b, batch, first if site_by_site else None))


def site_counts(network: Network, batch: Batch, given: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Of every site. ``given``: the counts that those behind it read instead."""
    return _values(network, batch, _site, given)


def same_share(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    same = sum(int(torch.eq(first[name], second[name]).sum()) for name in first)
    return same / max(sum(n.numel() for n in first.values()), 1)

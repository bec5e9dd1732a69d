"""How far two networks of one graph are apart: layer by layer in value, site by site in counts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx

from convert.observe import observe
from graph.graph import WEIGHTED
from graph.lower import source_of
from layers.site import FoldedSite, SpikeSite, ThresholdSite

Keep = Callable[[str], bool]


def _values(module: fx.GraphModule, batch: dict[str, Tensor], keep: Keep) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}

    def see(name: str, value: Tensor) -> None:
        if keep(name):
            found[name] = value

    observe(module.eval(), batch, see)
    return found


def _unit(module: fx.GraphModule, name: str) -> Tensor:
    """The value of one count of a site."""
    site = module.get_submodule(name)
    assert isinstance(site, SpikeSite | ThresholdSite | FoldedSite)
    return site.step * site.scale if isinstance(site, SpikeSite) else site.step


def layer_distance(ann: fx.GraphModule, spiking: fx.GraphModule, batch: dict[str, Tensor]) -> list[tuple[str, float]]:
    """(weighted op, |snn - ann| / |ann|) in order; stepped values are averaged over their steps."""
    weighted = {n for n, v in source_of(ann).nodes.items() if isinstance(v.op, WEIGHTED)}
    a, b = (_values(m, batch, lambda n: n in weighted) for m in (ann, spiking))
    rows = []
    for name in a:
        if name in b:
            mean = b[name].unflatten(0, (-1, len(a[name]))).mean(0)
            rows.append((name, float((mean - a[name]).norm() / a[name].norm().clamp(min=1e-12))))
    return rows


def equal_counts(a: fx.GraphModule, b: fx.GraphModule, batch: dict[str, Tensor]) -> float:
    """The share of neurons that fire the same count in both, over all sites. Off the grid 1.0 would not be exact."""
    sites = {n for n, v in source_of(a).nodes.items() if getattr(v.op, "site", None) is not None}
    counts = [_values(m, batch, lambda n: n in sites) for m in (a, b)]
    same = total = 0
    for name in sites:
        x, y = (c[name] / _unit(m, name) for c, m in zip(counts, (a, b), strict=True))
        same += int(torch.eq(x.round(), y.round()).sum())
        total += x.numel()
    return same / max(total, 1)

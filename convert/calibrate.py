"""Set each site's step from what the ANN computes there, before any fine-tuning.

step = quantile_p(|x|) / D over the calibration frames (of max(x, 0) for an unsigned site), but no more than the ceiling
of a clipped ReLU needs. A step that no weight can absorb (a site that feeds a product) is rounded to a power of two.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor

from graph.graph import Graph, Node
from graph.lower import Network, observe
from graph.ops import Act, Expand, Firing, Gate

SAMPLE = 1 << 20  # torch.quantile takes at most 2**24 values; a million are plenty


def _source(graph: Graph, name: str) -> str:
    """The value a site stands for, above the Expands put in front of it."""
    while isinstance(graph[name].op, Expand):
        name = graph[name].args[0]
    return name


@torch.no_grad()
def calibrate(ann: Network, spiking: Network, batch: dict[str, Tensor], percentile: float) -> dict[str, float]:
    """Writes the steps into ``spiking`` and returns them by site name. Gates keep theirs: a count is 1/D."""
    graph = spiking.graph
    wanted = {
        name: _source(graph, node.args[0])
        for name, node in graph.nodes.items()
        if isinstance(node.op, Firing) and node.op.site is not None and not isinstance(node.op, Gate)
    }
    values: dict[str, Tensor] = {}
    needed = set(wanted.values())

    def keep(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if node.name in needed:
            values[node.name] = value

    observe(ann, batch, keep)
    steps = {}
    for name, value in wanted.items():
        op = graph[name].op
        if value in values and isinstance(op, Firing) and op.site is not None:
            steps[name] = _calibrated(values[value], op, percentile)
            spiking.get_submodule(name).step.fill_(steps[name])  # type: ignore[union-attr,operator]
    return steps


def _calibrated(x: Tensor, op: Firing, percentile: float) -> float:
    site = op.site
    assert site is not None
    x = x.abs() if site.signed else x.clamp(min=0)
    flat = x.flatten()
    top = float(flat[:: max(1, flat.numel() // SAMPLE)].quantile(percentile))
    ceiling = getattr(op, "ceiling", 0.0) if isinstance(op, Act) else 0.0
    step = max(min(top, ceiling or top), 1e-3) / site.levels
    return step if site.learn else 2.0 ** round(log2(step))

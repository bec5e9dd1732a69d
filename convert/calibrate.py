"""Set each site's step from what the ANN computes there, before any fine-tuning.

step = quantile_p(|x|) / D over the calibration frames (of max(x, 0) for an unsigned site), but no more than the ceiling
of a clipped ReLU needs. A step that no weight can absorb (a site that feeds a product) is rounded to a power of two.
With ``channels``, channels are first made equally large where weights can (`convert.equalise`). With ``statistics``
"batch" the ANN's norms use the mean and variance of these frames, as training after it will: where sums of products
have outliers, values behind running ones are hundreds of times as large, and steps set from them silence neurons.

Which p is best depends on the network and on D: few levels want more clipped. `calibrate_best` tries several and keeps
the one under which the spiking network's outputs are nearest to the ANN's on the same frames; no label is read.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Literal

import torch
from torch import Tensor

from convert.equalise import equalise, places, ratios, some
from graph.graph import Graph, Node
from graph.lower import Network, observe
from graph.ops import Act, Expand, Firing, Gate
from layers.weighted import per_channel

CHANNEL_PERCENTILE = 0.999
PERCENTILES = (0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
Statistics = Literal["running", "batch"]


@dataclass(frozen=True, kw_only=True)
class How:
    """``channels``: a step for each where weights can absorb it. ``statistics``: of the ANN's norms."""

    channels: bool = False
    statistics: Statistics = "running"


RUNNING = How()


def _source(graph: Graph, name: str) -> str:
    """The value a site stands for, above the Expands put in front of it."""
    while isinstance(graph[name].op, Expand):
        name = graph[name].args[0]
    return name


@torch.no_grad()
def calibrate(
    ann: Network, spiking: Network, batch: dict[str, Tensor], percentile: float, how: How = RUNNING
) -> dict[str, float]:
    """Writes the steps into ``spiking`` and returns them by site name. Gates keep theirs: a count is 1/D."""
    (steps,) = _candidates(ann, spiking, batch, (percentile,), how)
    write(spiking, steps)
    return steps


@torch.no_grad()
def calibrate_best(
    ann: Network,
    spiking: Network,
    batch: dict[str, Tensor],
    far: Callable[[Network], float],
    percentiles: Sequence[float] = PERCENTILES,
    how: How = RUNNING,
) -> float:
    """The percentile under which ``far(spiking)`` is least, its steps written. ``far``: how far it is from the ANN."""
    every = _candidates(ann, spiking, batch, percentiles, how)
    errors = []
    for steps in every:
        write(spiking, steps)
        errors.append(far(spiking))
    best = errors.index(min(errors))
    write(spiking, every[best])
    return percentiles[best]


@torch.no_grad()
def write(spiking: Network, steps: Mapping[str, float]) -> None:
    for name, step in steps.items():
        spiking.get_submodule(name).step.fill_(step)  # type: ignore[union-attr,operator]


def _candidates(
    ann: Network, spiking: Network, batch: dict[str, Tensor], percentiles: Sequence[float], how: How
) -> list[dict[str, float]]:
    """Steps by site, for each percentile."""
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

    if how.statistics == "batch":
        ann = _with_batch_statistics(ann)
    observe(ann, batch, keep, training=how.statistics == "batch")
    ratio = {}
    if how.channels:
        ratio = {p.site: ratios(values[wanted[p.site]], p.axis, CHANNEL_PERCENTILE) for p in places(graph)}
        equalise(spiking, ratio)
    found: list[dict[str, float]] = [{} for _ in percentiles]
    for name, value in wanted.items():
        op = graph[name].op
        if value not in values or not isinstance(op, Firing) or op.site is None:
            continue
        x = values[value]
        if name in ratio:
            x = x / per_channel(ratio[name], x.ndim, op.site.axis)
        for steps, top in zip(found, _quantiles(x, op.site.signed, percentiles), strict=True):
            steps[name] = _step(op, top)
    return found


def _with_batch_statistics(ann: Network) -> Network:
    twin = copy.deepcopy(ann).eval()
    for part in twin.modules():
        part.training = getattr(part, "running_var", None) is not None
    return twin


def _quantiles(x: Tensor, signed: bool, percentiles: Sequence[float]) -> list[float]:
    flat = (x.abs() if signed else x.clamp(min=0)).flatten()
    wanted = torch.tensor(percentiles, dtype=flat.dtype, device=flat.device)
    quantiles: list[float] = some(flat).quantile(wanted).tolist()
    return quantiles


def _step(op: Firing, top: float) -> float:
    site = op.site
    assert site is not None
    ceiling = getattr(op, "ceiling", 0.0) if isinstance(op, Act) else 0.0
    step = max(min(top, ceiling or top), 1e-3) / site.levels
    return step if site.learn else 2.0 ** round(log2(step))

"""``fold``: where each batch norm and each step goes at inference. Structure only; ``convert/fold.py`` moves numbers.

A norm (or a layer scale: what is a x + c per channel) moves into the *preceding* Conv or Linear when that feeds nothing
else and shares its weights with nobody; else into the thresholds of the neurons it feeds, when it feeds nothing but
neurons; else it stays as an ``Affine``, and is charged. A learnt step moves into the weights behind its site. Dropout
disappears.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graph.graph import Graph, empty_like
from graph.infer import infer
from graph.ops import Affine, Drop, Expand, Firing, LayerScale, Norm, Output
from graph.passes.units import bare, with_units
from graph.values import Spike


@dataclass(frozen=True)
class Folding:
    """``into_weights``: norm -> weighted op; ``into_sites``: site -> norm before it; ``steps``: weighted op -> site."""

    into_weights: dict[str, str]
    into_sites: dict[str, str]
    steps: dict[str, str]


def _sites_fed(graph: Graph, readers: dict[str, list[str]], name: str) -> list[str]:
    """The sites that read a value, at once or repeated over the steps; none if anything else does, or has a norm."""
    fed: list[str] = []
    for reader in readers[name]:
        op = graph[reader].op
        if isinstance(op, Expand):
            behind = _sites_fed(graph, readers, reader)
        else:
            behind = [reader] if isinstance(op, Firing) and op.site is not None and op.site.norm is None else []
        if not behind:
            return []
        fed += behind
    return fed


def plan(graph: Graph) -> Folding:
    readers, values = graph.consumers(), infer(graph)
    users: dict[str, int] = {}
    for node in graph.nodes.values():
        users[node.weights] = users.get(node.weights, 0) + 1
    into_weights: dict[str, str] = {}
    into_sites: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if not node.op.foldable:
            continue
        before = graph[node.args[0]]
        if before.op.weighted and readers[before.name] == [name] and users[before.weights] == 1:
            into_weights[name] = before.name
        elif sites := _sites_fed(graph, readers, name):
            into_sites.update({s: name for s in sites})
    steps = {}
    for name, node in graph.nodes.items():
        kind = values[node.args[0]].kind if node.op.weighted else None
        if isinstance(kind, Spike) and graph[kind.site].op.site.learn:  # type: ignore[attr-defined]
            steps[name] = kind.site
    return Folding(into_weights, into_sites, steps)


def fold(graph: Graph) -> tuple[Graph, Folding]:
    """The inference graph and the plan by which the numbers follow it."""
    graph = bare(graph)
    folding = plan(graph)
    gone = set(folding.into_weights) | set(folding.into_sites.values())
    widened = set(folding.into_weights.values())
    out = empty_like(graph)
    alias: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if name in gone or isinstance(node.op, Drop):
            alias[name] = alias[node.args[0]]
            continue
        op = node.op
        if isinstance(op, Norm | LayerScale) and op.foldable:
            op = Affine(channels=op.channels, axis=op.axis)
        if name in widened:
            op = replace(op, bias=True)  # type: ignore[call-arg]
        if isinstance(op, Firing) and op.site is not None:
            op = replace(op, site=replace(op.site, folded=True, norm=None))
        if isinstance(op, Output) and op.training:
            continue
        alias[name] = out(name, op, *(alias[a] for a in node.args), weights=node.weights)
    out.outputs = {k: alias[v] for k, v in graph.outputs.items() if v in alias}
    return with_units(out.pruned()), folding

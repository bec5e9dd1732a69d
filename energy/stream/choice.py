"""Which layers should remember? Where what a layer keeps costs more than it saves, it computes every frame whole.

A layer is a node that counts or an input drive; behind it go the nodes up to the next sites. Three accounts of the same
films say what each node costs:

    frame      nothing is kept
    stream     only what changes
    forgets    a site behind a layer that computes every frame whole: it looks at all of its elements, and still sends
               changes to layers that remember

A site in front of framewise layers alone sends counts, and keeps nothing. The choice is made on films of val, for one
machine, layer by layer until no layer is better off the other way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from energy.account import Account, Row
from energy.costs import Machine
from graph.graph import Graph
from graph.ops import Firing, Input

PASSES = 4


@dataclass(frozen=True, kw_only=True)
class Three:
    frame: Account
    stream: Account
    forgets: Account

    def rows(self) -> list[tuple[Row, Row, Row]]:
        return list(zip(self.frame.rows, self.stream.rows, self.forgets.rows, strict=True))


def _is_site(graph: Graph, name: str) -> bool:
    op = graph[name].op
    return isinstance(op, Firing) and op.site is not None


class Parts:
    """``layers``; ``behind``: node -> the layers that it stands behind; ``before``: site or input -> its layers."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers = [n for n, v in graph.nodes.items() if v.op.events_on]
        self.behind = {name: self._sources(name) for name in graph.nodes}
        self.before: dict[str, set[str]] = {name: set() for name in graph.nodes}
        for layer in self.layers:
            for arg in graph[layer].args:
                for source in self._origins(arg):
                    self.before[source].add(layer)

    def _sources(self, name: str) -> set[str]:
        """Layers whose value reaches a node without a site or a layer between."""
        found, todo = set[str](), list(self.graph[name].args)
        while todo:
            other = todo.pop()
            if self.graph[other].op.events_on:
                found.add(other)
            elif not _is_site(self.graph, other):
                todo += self.graph[other].args
        return found

    def _origins(self, name: str) -> set[str]:
        """The sites and inputs that a layer's operand comes from; through other layers' sums as well."""
        found, todo = set[str](), [name]
        while todo:
            other = todo.pop()
            if _is_site(self.graph, other) or isinstance(self.graph[other].op, Input):
                found.add(other)
            else:
                todo += self.graph[other].args
        return found


def picked(parts: Parts, framewise: Collection[str], name: str) -> str:
    """Whose row a node has."""
    if name not in parts.graph.nodes:
        return "frame"
    forgets_behind = bool(parts.behind[name] & set(framewise))
    if name in parts.layers:
        return "frame" if name in framewise else "stream"
    source = _is_site(parts.graph, name) or isinstance(parts.graph[name].op, Input)
    if source and parts.before[name] <= set(framewise):
        return "frame" if forgets_behind or isinstance(parts.graph[name].op, Input) else "stream"
    if forgets_behind:
        return "forgets"
    return "stream"


def applied(graph: Graph, of: Three, framewise: Collection[str]) -> Account:
    parts = Parts(graph)
    table: dict[str, int] = {"frame": 0, "stream": 1, "forgets": 2}
    rows = tuple(three[table[picked(parts, framewise, three[0].name)]] for three in of.rows())
    return replace(of.stream, rows=rows)


def choose(graph: Graph, of: Three, machine: Machine) -> tuple[str, ...]:
    """The layers that compute every frame whole."""
    parts = Parts(graph)
    kinds = ("frame", "stream", "forgets")
    costs: Mapping[str, dict[str, float]] = {
        three[0].name: {kind: float(np.mean(machine.row_pj(row))) for kind, row in zip(kinds, three, strict=True)}
        for three in of.rows()
    }

    def total(framewise: set[str]) -> float:
        return sum(of_node[picked(parts, framewise, name)] for name, of_node in costs.items())

    starts: list[set[str]] = [set(), set(parts.layers)]
    return min((_settled(parts.layers, start, total) for start in starts), key=lambda found: total(set(found)))


def _settled(layers: list[str], framewise: set[str], total: object) -> tuple[str, ...]:
    assert callable(total)
    best = total(framewise)
    for _ in range(PASSES):
        before = set(framewise)
        for layer in layers:
            other = framewise ^ {layer}
            if (cost := total(other)) < best:
                framewise, best = other, cost
        if framewise == before:
            break
    return tuple(layer for layer in layers if layer in framewise)

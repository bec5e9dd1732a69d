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

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, fields, replace

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

    def nodes(self) -> list[dict[str, Row]]:
        """Each node's rows, by kind of account."""
        kinds = [field.name for field in fields(self)]
        accounts = [getattr(self, kind).rows for kind in kinds]
        return [dict(zip(kinds, rows, strict=True)) for rows in zip(*accounts, strict=True)]


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


def picked(parts: Parts, framewise: Set[str], name: str) -> str:
    """Whose row a node has."""
    if name not in parts.graph.nodes:
        return "frame"
    if name in parts.layers:
        return "frame" if name in framewise else "stream"
    forgets_behind = bool(parts.behind[name] & framewise)
    is_input = isinstance(parts.graph[name].op, Input)
    if (is_input or _is_site(parts.graph, name)) and parts.before[name] <= framewise:
        return "frame" if forgets_behind or is_input else "stream"
    return "forgets" if forgets_behind else "stream"


def applied(graph: Graph, of: Three, framewise: Iterable[str]) -> Account:
    parts, layers = Parts(graph), set(framewise)
    rows = tuple(rows[picked(parts, layers, rows["frame"].name)] for rows in of.nodes())
    return replace(of.stream, rows=rows)


def choose(graph: Graph, of: Three, machine: Machine) -> tuple[str, ...]:
    """The layers that compute every frame whole."""
    parts = Parts(graph)
    costs = {
        rows["frame"].name: {kind: float(np.mean(machine.row_pj(row))) for kind, row in rows.items()}
        for rows in of.nodes()
    }

    def total(framewise: Set[str]) -> float:
        return sum(by_kind[picked(parts, framewise, name)] for name, by_kind in costs.items())

    found = min((_settled(parts.layers, start, total) for start in (set[str](), set(parts.layers))), key=total)
    return tuple(layer for layer in parts.layers if layer in found)


def _settled(layers: list[str], framewise: set[str], total: Callable[[Set[str]], float]) -> set[str]:
    """Layer by layer the other way, as long as that costs less."""
    best = total(framewise)
    for _ in range(PASSES):
        before = framewise
        for layer in layers:
            other = framewise ^ {layer}
            if (cost := total(other)) < best:
                framewise, best = other, cost
        if framewise == before:
            break
    return framewise

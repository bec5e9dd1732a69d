"""Which layers should remember? Where what a layer keeps costs more than it saves, it computes every frame whole.

A layer is a node that counts or an input drive; behind it go the nodes up to the next sites, which then look at all of
their elements. The choice is made on films of val, for one machine, and priced on others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energy.account import Account
from energy.costs import Machine
from graph.graph import Graph
from graph.ops import Firing, Input


def layers(graph: Graph) -> dict[str, set[str]]:
    """A layer -> itself and the nodes behind it, up to and with the next sites."""
    readers: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        for arg in node.args:
            readers.setdefault(arg, []).append(node.name)
    found = {}
    for name, node in graph.nodes.items():
        if not node.op.events_on:
            continue
        behind, todo = {name}, list(readers.get(name, ()))
        while todo:
            other = todo.pop()
            op = graph[other].op
            if other in behind or op.events_on:
                continue
            behind.add(other)
            if not (isinstance(op, Firing) and op.site is not None):
                todo += readers.get(other, ())
        found[name] = behind
    return found


@dataclass(frozen=True, kw_only=True)
class Choice:
    """``framewise``: layers that compute a frame whole; ``nodes``: they and what stands behind them."""

    framewise: tuple[str, ...]
    nodes: frozenset[str]

    def applied(self, remembers: Account, forgets: Account) -> Account:
        pairs = zip(remembers.rows, forgets.rows, strict=True)
        return replace(remembers, rows=tuple(b if a.name in self.nodes else a for a, b in pairs))


def choose(graph: Graph, remembers: Account, forgets: Account, machine: Machine) -> Choice:
    """``remembers``, ``forgets``: both accounts of the same films of val."""
    ours, theirs = (
        {row.name: float(np.mean(machine.row_pj(row))) for row in account.rows} for account in (remembers, forgets)
    )
    framewise, nodes = [], set[str]()
    for name, behind in layers(graph).items():
        inputs = {a for a in graph[name].args if isinstance(graph[a].op, Input)}
        both = behind | inputs
        if sum(theirs[n] for n in both) < sum(ours[n] for n in both):
            framewise.append(name)
            nodes |= both
    return Choice(framewise=tuple(framewise), nodes=frozenset(nodes))

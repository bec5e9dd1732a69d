"""Inference: the shape, the kind and the clock of every value, from the graph alone."""

from __future__ import annotations

from dataclasses import dataclass

from graph.graph import Graph
from graph.ops import Firing
from graph.values import Clock, Kind, Shape


@dataclass(frozen=True)
class Value:
    shape: Shape
    kind: Kind
    clock: Clock


def infer(graph: Graph) -> dict[str, Value]:
    """One walk in topological order. Mixing ``once`` and ``stepped`` without an ``Expand`` is an error."""
    values: dict[str, Value] = {}
    for node in graph.nodes.values():
        args = [values[a] for a in node.args]
        clocks = [a.clock for a in args]
        if {Clock.ONCE, Clock.STEPPED} <= set(clocks):
            raise ValueError(f"node '{node.name}' mixes a once-per-frame and a stepped value; insert an Expand")
        if isinstance(node.op, Firing) and node.op.site is not None:
            _check_neuron(graph, node.name, clocks[0])
        values[node.name] = Value(node.shape, node.op.kind(*(a.kind for a in args)), node.op.clock(*clocks))
    return values


def _check_neuron(graph: Graph, name: str, clock: Clock) -> None:
    wanted = Clock.STEPPED if graph.steps > 1 else Clock.ONCE
    if clock != wanted:
        raise ValueError(f"neuron '{name}' must read a {wanted.name.lower()} value, found {clock.name.lower()}")

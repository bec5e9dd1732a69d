"""Inference: the shape, the kind, the clock and the frames of every value, from the graph alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from graph.graph import Graph
from graph.ops import Firing, Fold, Input, Op, Unfold
from graph.values import Clock, Kind, Shape


@dataclass(frozen=True)
class Value:
    """``frames``: of how many frames one row of the batch is made, 1 or a clip's; 0 for what is static."""

    shape: Shape
    kind: Kind
    clock: Clock
    frames: int = 1


def infer(graph: Graph) -> dict[str, Value]:
    """One walk in topological order. Mixing ``once`` and ``stepped`` without an ``Expand`` is an error."""
    values: dict[str, Value] = {}
    frames = clip_frames(graph)
    for node in graph.nodes.values():
        args = [values[a] for a in node.args]
        clocks = [a.clock for a in args]
        if {Clock.ONCE, Clock.STEPPED} <= set(clocks):
            raise ValueError(f"node '{node.name}' mixes a once-per-frame and a stepped value; insert an Expand")
        if isinstance(node.op, Firing) and node.op.site is not None:
            _check_neuron(graph, node.name, clocks[0])
        clock = node.op.clock(*clocks)
        kind = kind_of(node.op, [a.kind for a in args], graph.steps)
        values[node.name] = Value(node.shape, kind, clock, frames[node.name])
    return values


def kind_of(op: Op, kinds: Sequence[Kind], steps: int) -> Kind:
    """An op's kind; ops of time are told how many steps there are."""
    return op.kind(*kinds, steps=steps) if op.timed else op.kind(*kinds)


def clip_frames(graph: Graph) -> dict[str, int]:
    """Of how many frames one row of each value's batch is made. Rows of different kinds meet at no op but these two,
    ``Unfold`` and ``Fold``."""
    frames: dict[str, int] = {}
    for node in graph.nodes.values():
        given = {frames[a] for a in node.args} - {0}
        if len(given) > 1:
            raise ValueError(f"node '{node.name}' mixes rows of {sorted(given)} frames; insert an Unfold or a Fold")
        if isinstance(node.op, Unfold):
            frames[node.name] = node.op.frames
        elif isinstance(node.op, Fold | Input):
            frames[node.name] = 1
        else:
            frames[node.name] = max(given, default=0)
    return frames


def window(graph: Graph) -> int:
    """How many frames in a row the network needs at once: 1, unless it looks at neighbours."""
    return lcm(*(max(f, 1) for f in clip_frames(graph).values()))


def frame_macs(graph: Graph) -> dict[str, int]:
    """Dense MACs of every node, a frame; a clip's are shared among its frames."""
    values = infer(graph)
    return {n.name: graph.macs(n) // max(values[n.name].frames, 1) for n in graph.nodes.values()}


def _check_neuron(graph: Graph, name: str, clock: Clock) -> None:
    wanted = Clock.STEPPED if graph.steps > 1 else Clock.ONCE
    if clock != wanted:
        raise ValueError(f"neuron '{name}' must read a {wanted.name.lower()} value, found {clock.name.lower()}")

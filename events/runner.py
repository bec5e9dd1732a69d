"""The event runner: executes a folded, snapped network from events and weights alone. Numpy, slow on purpose.

It is an interpreter of the graph. A weighted op that reads spikes takes them one at a time and adds one weight for each
synapse that the event reaches; no matrix product, no count. Layout moves events by their addresses. Everything else is
the op's own ``meaning``, of real values or, at these declared barriers, of decoded counts: products of counts, gates,
sampling, the choice of a maximum. It shares no code with the torch network: it reads the graph file and the exported
arrays. On the dyadic grid its logits are those of the quantised ANN, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import frexp

import numpy as np

from events.events import Events, fired, joined
from events.synapses import BY_EVENT, bias_of, linear_events
from graph.graph import Graph, Node
from graph.infer import infer
from graph.meaning import tables_of, unit_value
from graph.ops import Array, Codebook, Const, Firing, Input, Output, Scaled
from graph.values import Spike

Edit = Callable[[str, Events], Events]
Value = Array | Events


@dataclass
class EventRunner:
    """``edit`` may change the events of a site before they are delivered: how the controls delete and permute them."""

    graph: Graph
    arrays: Mapping[str, Array]
    edit: Edit | None = None
    adds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = infer(self.graph)
        if self.graph.steps > 1:
            raise ValueError(f"graph '{self.graph.name}' has {self.graph.steps} steps; the event runner executes one")

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Frames [F, ...], as many as the network looks at in a row. ``adds`` then holds each op's weight additions."""
        self.adds = {}
        values: dict[str, Value] = {}
        for node in self.graph.nodes.values():
            values[node.name] = self._value(node, values, inputs)
        return {k: _decoded(values[v]) for k, v in self.graph.outputs.items()}

    def _value(self, node: Node, values: Mapping[str, Value], inputs: Mapping[str, Array]) -> Value:
        op, args = node.op, [values[a] for a in node.args]
        spiking = isinstance(self.values[node.name].kind, Spike)
        if isinstance(op, Input):
            return np.asarray(inputs[node.name], np.float32)
        if isinstance(op, Const):
            return self.arrays[node.weights][None]  # as it was exported, not computed anew
        if op.weighted and isinstance(self.values[node.args[0]].kind, Spike):
            return self._weighted(node, args[0])
        if isinstance(op, Codebook) and isinstance(args[0], Events):
            return self._nearest(node, op, args[0])
        if spiking and op.moves and not op.chooses and not isinstance(op, Output):
            return self._moved(node, args)
        value = self._meaning(node, [_decoded(a) for a in args])
        if not spiking:
            return value
        events = fired(value)
        firing = isinstance(op, Firing) and op.site is not None
        return self.edit(node.name, events) if firing and self.edit else events

    def _meaning(self, node: Node, args: list[Array]) -> Array:
        return node.op.meaning(*args, **tables_of(node, self.arrays, self.graph.steps))

    def _moved(self, node: Node, args: list[Value]) -> Events:
        """Events move with their addresses, which a layout op moves as it would move their counts."""
        parts = [a for a in args if isinstance(a, Events)]
        sizes = [int(np.prod(p.shape)) for p in parts]
        ends = np.cumsum(sizes)
        addresses = [np.arange(e - n + 1, e + 1).reshape(p.shape) for e, n, p in zip(ends, sizes, parts, strict=True)]
        others = [a for a in args if not isinstance(a, Events)]
        source = node.op.meaning(*addresses, *others, **tables_of(node, self.arrays, self.graph.steps))
        return joined(parts).moved(source)

    def _weighted(self, node: Node, x: Value) -> Array:
        if not isinstance(x, Events):
            raise ValueError(f"node '{node.name}': the spikes of '{node.args[0]}' reached it as a dense value")
        unit = self._unit(node)
        tables = tables_of(node, self.arrays, self.graph.steps)
        total, adds = BY_EVENT[type(node.op)](node.op, x, tables["weight"] * unit)  # type: ignore[operator]
        self.adds[node.name] = adds
        return np.asarray(total + bias_of(node.op, tables), np.float32)

    def _nearest(self, node: Node, op: Codebook, x: Events) -> Array:
        """An event adds its place in every entry; the choice is one of sums."""
        entries = tables_of(node, self.arrays, self.graph.steps)["entries"]
        products, self.adds[node.name] = linear_events(x, entries * self._unit(node))
        return op.nearest(products, entries)

    def _unit(self, node: Node) -> np.float32:
        assert isinstance(node.op, Scaled)
        unit = unit_value(node.op.unit, self.arrays)
        if frexp(unit)[0] != 0.5:
            raise ValueError(f"node '{node.name}' reads counts of unit {unit}, expected a power of two")
        return np.float32(unit)


def _decoded(x: Value) -> Array:
    return x.decoded() if isinstance(x, Events) else x

"""The event runner: executes a folded, snapped network from events and weights alone. Numpy, slow on purpose.

A spiking value is a list of (address, step, +1 or -1): a count of n at a neuron is n events in n virtual steps. A
weighted op takes them one at a time and adds one weight per synapse that the event really reaches; no matrix product,
no count. Counts are decoded only at declared barriers: products of spikes, gates, sampling. What is real (residual
sums, the input layers, interpolation) is computed as such. Shares no code with the torch network: it reads the graph
file and the exported arrays. On the dyadic grid its logits are those of the quantised ANN, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import frexp

import numpy as np

from convert.event_ops import BARRIERS, LAYOUT, Array
from convert.synapses import conv_dense, conv_event_plan, linear_dense
from graph.graph import WEIGHTED, Graph, Node
from graph.infer import infer
from graph.ops import Act, Const, Conv, Expand, Firing, Input, Output, Param, Upsample
from graph.values import Spike


@dataclass(frozen=True)
class Events:
    """A spiking value of one frame. ``address``: flat index in ``shape``; ``scale``: the value of one event."""

    shape: tuple[int, ...]
    address: Array
    step: Array
    sign: Array
    scale: float

    def decoded(self) -> Array:
        """Barrier: counts times scale."""
        counts = np.zeros(int(np.prod(self.shape)), np.float32)
        np.add.at(counts, self.address, self.sign)
        return (counts * np.float32(self.scale)).reshape(self.shape)

    def moved(self, source: Array) -> Events:
        """The same events where a layout op puts them: ``source`` holds, for every new address, the old one. A copied
        neuron's events are copied."""
        order = np.argsort(source, axis=None, kind="stable")
        ranked = source.reshape(-1)[order]
        first, last = np.searchsorted(ranked, self.address, "left"), np.searchsorted(ranked, self.address, "right")
        copies = last - first
        offset = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        target = order[np.repeat(first, copies) + offset]
        return Events(source.shape, target, np.repeat(self.step, copies), np.repeat(self.sign, copies), self.scale)


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

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One frame: inputs without a batch axis. ``adds`` then holds the weight additions of each op."""
        self.adds = {}
        values: dict[str, Value] = {}
        for node in self.graph.nodes.values():
            values[node.name] = self._value(node, values, inputs)
        return {k: _real(values[v]) for k, v in self.graph.outputs.items()}

    def _value(self, node: Node, values: Mapping[str, Value], inputs: Mapping[str, Array]) -> Value:
        op, args = node.op, [values[a] for a in node.args]
        if isinstance(op, Input):
            return np.asarray(inputs[node.name], np.float32)
        if isinstance(op, Param | Const):
            return self.arrays[node.weights]
        if isinstance(op, WEIGHTED):
            return self._weighted(node, args[0])
        if isinstance(op, Firing) and op.site is not None:
            return self._fire(node, _real(args[0]))
        if isinstance(op, Output | Expand) or (isinstance(op, Act) and op.fn == "identity"):
            return args[0]
        if type(op) in LAYOUT and not (isinstance(op, Upsample) and op.mode != "nearest"):
            return self._layout(node, args)
        if type(op) not in BARRIERS:
            raise ValueError(f"node '{node.name}': the event runner cannot execute {type(op).__name__}")
        return BARRIERS[type(op)](op, *(_real(a) for a in args))

    def _layout(self, node: Node, args: list[Value]) -> Value:
        """Events move with their addresses; real values, and spikes of several sites put together, just move."""
        apply = LAYOUT[type(node.op)]
        parts = [a for a in args if isinstance(a, Events)]
        if not isinstance(self.values[node.name].kind, Spike):
            return apply(node.op, *(_real(a) for a in args))
        ends = np.cumsum([int(np.prod(p.shape)) for p in parts])
        addresses = [np.arange(e - np.prod(p.shape), e).reshape(p.shape) for e, p in zip(ends, parts, strict=True)]
        return _joined(parts, ends).moved(apply(node.op, *addresses))

    def _fire(self, node: Node, x: Array) -> Events:
        """Compare with the thresholds; count n becomes events in steps 0..n-1."""
        site = node.op.site  # type: ignore[attr-defined]

        def channel(v: Array) -> Array:
            return v if site.axis < 0 else v.reshape(-1, *(1 for _ in x.shape[1:]))

        s = x * channel(self.arrays[f"{node.name}.sign"])
        steps, addresses, signs = [], [], []
        for direction, table in ((1, "upper"), (-1, "lower")):
            if direction < 0 and not site.signed:
                continue
            for level, edge in enumerate(self.arrays[f"{node.name}.{table}"]):
                crossed = s >= channel(edge) if direction > 0 else s <= channel(edge)
                hit = np.flatnonzero(crossed)
                addresses.append(hit)
                steps.append(np.full(hit.size, level))
                signs.append(np.full(hit.size, direction, np.float32))
        address, step, sign = (np.concatenate(v) for v in (addresses, steps, signs))
        order = np.argsort(step, kind="stable")
        events = Events(x.shape, address[order], step[order], sign[order], float(self.arrays[f"{node.name}.step"]))
        return self.edit(node.name, events) if self.edit else events

    def _weighted(self, node: Node, x: Value) -> Array:
        weight, bias = self.arrays[f"{node.weights}.weight"], self.arrays.get(f"{node.weights}.bias")
        if not isinstance(x, Events):
            if isinstance(self.values[node.args[0]].kind, Spike):
                raise ValueError(f"node '{node.name}': the spikes of '{node.args[0]}' reached it as a dense value")
            dense = conv_dense(node.op, x, weight) if isinstance(node.op, Conv) else linear_dense(x, weight)
            return _biased(dense, bias, isinstance(node.op, Conv))
        if frexp(x.scale)[0] != 0.5:
            raise ValueError(f"node '{node.name}' reads events of scale {x.scale}, expected a power of two")
        weight = weight * np.float32(x.scale)  # a shift of the stored weights, exact
        if isinstance(node.op, Conv):
            total, adds = _conv_events(node, x, weight)
        else:
            total, adds = _linear_events(node, x, weight)
        self.adds[node.name] = adds
        return _biased(total, bias, isinstance(node.op, Conv))


def _conv_events(node: Node, x: Events, weight: Array) -> tuple[Array, int]:
    """Each event adds its column of the kernel to the outputs it reaches. Accumulates in [H, W, C] for locality."""
    plan = conv_event_plan(node.op, x.shape, weight)  # type: ignore[arg-type]
    total = np.zeros((*node.shape[1:], node.shape[0]), np.float32)
    _, height, width = x.shape
    adds = 0
    for address, sign in zip(x.address.tolist(), x.sign.tolist(), strict=True):
        channel, position = divmod(address, height * width)
        row, column = divmod(position, width)
        out_rows, taps_u = plan.rows[row]
        out_columns, taps_v = plan.columns[column]
        target = total[out_rows, out_columns, plan.outputs[channel]]
        synapses = plan.kernels[channel][taps_u, taps_v]
        adds += synapses.size
        if sign > 0:
            target += synapses
        else:
            target -= synapses
    return np.ascontiguousarray(total.transpose(2, 0, 1)), adds


def _linear_events(node: Node, x: Events, weight: Array) -> tuple[Array, int]:
    columns = np.ascontiguousarray(weight.T)
    total = np.zeros((int(np.prod(x.shape[:-1])), weight.shape[0]), np.float32)
    features = x.shape[-1]
    for address, sign in zip(x.address.tolist(), x.sign.tolist(), strict=True):
        row, column = divmod(address, features)
        if sign > 0:
            total[row] += columns[column]
        else:
            total[row] -= columns[column]
    return total.reshape(*x.shape[:-1], weight.shape[0]), x.address.size * weight.shape[0]


def _joined(parts: list[Events], ends: Array) -> Events:
    """The events of several parts of one site's value, part k's addresses ending at ``ends[k]``; in order of step."""
    if len(parts) == 1:
        return parts[0]
    starts = [e - int(np.prod(p.shape)) for e, p in zip(ends, parts, strict=True)]
    address = np.concatenate([p.address + s for p, s in zip(parts, starts, strict=True)])
    step, sign = np.concatenate([p.step for p in parts]), np.concatenate([p.sign for p in parts])
    order = np.argsort(step, kind="stable")
    return Events((int(ends[-1]),), address[order], step[order], sign[order], parts[0].scale)


def _real(x: Value) -> Array:
    return x.decoded() if isinstance(x, Events) else x


def _biased(x: Array, bias: Array | None, channels_first: bool) -> Array:
    if bias is None:
        return x
    return x + (bias.reshape(-1, 1, 1) if channels_first else bias)


def without(events: Events, index: int) -> Events:
    """One event deleted."""
    keep = np.arange(events.address.size) != index
    return replace(events, address=events.address[keep], step=events.step[keep], sign=events.sign[keep])


def permuted(events: Events, random: np.random.Generator) -> Events:
    """The events of each step in another order."""
    order = np.lexsort((random.random(events.address.size), events.step))
    return replace(events, address=events.address[order], step=events.step[order], sign=events.sign[order])

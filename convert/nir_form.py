"""The parts of a spiking network that NIR can hold, as NIR graphs (Pedersen et al., 2024), and why the rest cannot.

NIR's neurons are ODEs with a strict threshold and a reset to a value. A step of ours is one Euler step of theirs with
dt = 1, for a folded site of threshold theta, as long as its reset is hard:

    tau dv/dt = v_leak - v + R I     R = 1 (decay_input) or tau,   v_reset = theta v_r,   v_leak = v_reset + R bias
    spike where v > v_threshold      v_threshold = the next number below theta: v >= theta

Edges that meet add up, so an ``Add`` is no node there. Soft reset, counts above one, negative spikes and membranes that
do not start at rest have no form, and are refused rather than translated into something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.meaning import tables_of
from graph.ops import Add, Array, Const, Conv, Drop, Expand, Firing, Input, Linear, Output, Param, Pool
from graph.values import Clock

# They compute nothing, so nobody asks whether they are covered.
SILENT = (Input, Output, Param, Const, Expand, Drop)
NEURONS = ("if", "lif", "plif")
ALONE = "neurons without synapses, or synapses without neurons, beside it"


@dataclass(frozen=True, kw_only=True)
class Covered:
    """A node that computes: the ``part`` that holds it, or the ``reason`` why none does."""

    node: str
    op: str
    part: int | None
    reason: str
    parameters: int
    macs: int


def _neuron_reason(op: Firing) -> str:
    site = op.site
    if site is None:
        return "a real-valued function"
    neuron = site.neuron
    checks = (
        (neuron.kind not in NEURONS or neuron.levels > 1, f"counts up to {neuron.levels} in a step"),
        (site.signed, "negative spikes"),
        (neuron.reset != "hard", "soft reset, where NIR's neurons are set to a value"),
        (neuron.v_init != 0, "a membrane that does not start at rest"),
        (not site.folded, "norm and step are not folded"),
    )
    return next((reason for wrong, reason in checks if wrong), "")


def reason_against(graph: Graph, node: Node, values: Mapping[str, Value]) -> str:
    """Why NIR cannot hold a node, or nothing."""
    op, shape = node.op, node.shape
    if isinstance(op, Firing) and (reason := _neuron_reason(op)):
        return reason
    if values[node.name].clock != Clock.STEPPED:
        return "computed once a frame, before the steps"
    if isinstance(op, Firing):
        return ""
    if isinstance(op, Conv):
        return "" if op.groups == 1 else "a convolution in groups, which NIR's readers take for one group"
    if isinstance(op, Linear):
        return "" if len(shape) == 1 else "a linear layer of several tokens"
    if isinstance(op, Add):
        return "" if all(graph[a].shape == shape for a in node.args) else "a sum that is broadcast"
    if isinstance(op, Pool):
        return "" if op.fn == "avg" and not op.padding else "a maximum, or an average over a border"
    return f"NIR has no {type(op).__name__}"


def parts_of(graph: Graph) -> tuple[list[list[str]], dict[str, str]]:
    """(nodes of each connected part that has neurons and synapses, in order; node -> why it is in none)."""
    values = infer(graph)
    reasons = {
        name: reason_against(graph, node, values)
        for name, node in graph.nodes.items()
        if not isinstance(node.op, SILENT)
    }
    held = [name for name, reason in reasons.items() if not reason]
    of = {name: name for name in held}

    def root(name: str) -> str:
        while of[name] != name:
            name = of[name]
        return name

    for name in held:
        for arg in graph[name].args:
            if arg in of:
                of[root(name)] = root(arg)
    groups: dict[str, list[str]] = {}
    for name in held:
        groups.setdefault(root(name), []).append(name)
    parts = []
    for names in groups.values():
        ops = [graph[name].op for name in names]
        if any(isinstance(op, Firing) for op in ops) and any(op.weighted for op in ops):
            parts.append(names)
        else:
            reasons |= dict.fromkeys(names, ALONE)
    return parts, {name: reason for name, reason in reasons.items() if reason}


def coverage(graph: Graph) -> list[Covered]:
    """A row for every node that computes."""
    parts, reasons = parts_of(graph)
    place = {name: k for k, names in enumerate(parts) for name in names}
    return [
        Covered(
            node=name,
            op=type(graph[name].op).__name__,
            part=place.get(name),
            reason=reasons.get(name, ""),
            parameters=graph[name].op.parameters(),
            macs=graph.macs(graph[name]),
        )
        for name in graph.nodes
        if name in place or name in reasons
    ]


def clean(name: str) -> str:
    """A name that is a path in nobody's file."""
    return name.replace(".", "_")


def _spread(values: Any, node: Node) -> Array:
    """[C] or a number -> an array of a site's whole shape."""
    v = np.asarray(values, np.float32)
    if v.ndim and node.op.site.axis == 0:  # type: ignore[attr-defined]
        v = v.reshape(-1, *(1 for _ in node.shape[1:]))
    return np.broadcast_to(v, node.shape).astype(np.float32)


def _neuron(node: Node, tables: Mapping[str, Any]) -> Any:
    import nir

    assert isinstance(node.op, Firing) and node.op.site is not None
    neuron = node.op.site.neuron
    theta = _spread(tables["theta"], node)
    below = np.nextafter(theta * np.float32(neuron.threshold), np.float32(-np.inf))
    rest = theta * np.float32(neuron.v_reset)
    bias = _spread(tables["bias"], node)
    if neuron.kind == "if":
        if bias.any():
            raise ValueError(f"site '{node.name}' has a bias of its own, which NIR's IF cannot hold, expected LIF")
        return nir.IF(r=_spread(1.0, node), v_threshold=below, v_reset=rest)
    tau = float(1 + np.exp(-tables["fire.w"])) if "fire.w" in tables else neuron.tau
    r = np.float32(1.0 if neuron.decay_input else tau)
    return nir.LIF(
        tau=_spread(tau, node),
        r=_spread(r, node),
        v_leak=rest + r * bias,  # a constant current
        v_threshold=below,
        v_reset=rest,
    )


def _scale(node: Node, tables: Mapping[str, Any]) -> Any | None:
    """In front of a neuron whose site scales or flips what it reads; most do not."""
    import nir

    gain = np.asarray(tables["sign"], np.float32) * np.float32(tables["unit"])
    return None if np.all(gain == 1) else nir.Scale(scale=_spread(gain, node))


def _weighted(graph: Graph, node: Node, tables: Mapping[str, Any]) -> Any:
    import nir

    op = node.op
    if isinstance(op, Pool):
        size, stride = np.array([op.kernel] * 2), np.array([op.stride] * 2)
        return nir.AvgPool2d(kernel_size=size, stride=stride, padding=np.array([0, 0]))
    weight = tables["weight"] * np.float32(tables["unit"])
    bias = tables["bias"] if "bias" in tables else np.zeros(len(weight), np.float32)
    if isinstance(op, Linear):
        return nir.Affine(weight=weight, bias=bias)
    assert isinstance(op, Conv)
    height, width = graph[node.args[0]].shape[1:]
    return nir.Conv2d((height, width), weight, op.stride, op.padding, op.dilation, op.groups, bias)


def nir_graph(graph: Graph, arrays: Mapping[str, Array], names: list[str]) -> Any:
    """Nodes of one part, or of several, as a NIR graph; ``in_X`` and ``out_X`` are values X that cross its border."""
    import nir

    held, readers = set(names), graph.consumers()
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []

    def sources(value: str) -> list[str]:
        """The NIR nodes whose outputs add up to a value."""
        if value in held and isinstance(graph[value].op, Add):
            return [source for arg in graph[value].args for source in sources(arg)]
        if value not in held:
            nodes.setdefault(f"in_{clean(value)}", nir.Input(input_type={"input": np.array(graph[value].shape)}))
            return [f"in_{clean(value)}"]
        return [clean(value)]

    for name in names:
        node = graph[name]
        if isinstance(node.op, Add):
            continue
        tables, into = tables_of(node, arrays, graph.steps), clean(name)
        if isinstance(node.op, Firing):
            front = _scale(node, tables)
            nodes[into] = _neuron(node, tables)
            if front is not None:
                nodes[f"{into}_scale"] = front
                edges.append((f"{into}_scale", into))
                into = f"{into}_scale"
        else:
            nodes[into] = _weighted(graph, node, tables)
        edges += [(source, into) for source in sources(node.args[0])]
    wanted = set(graph.outputs.values())
    for name in names:
        if name in wanted or any(reader not in held for reader in readers[name]):
            nodes[f"out_{clean(name)}"] = nir.Output(output_type={"output": np.array(graph[name].shape)})
            edges += [(source, f"out_{clean(name)}") for source in sources(name)]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"dt": 1.0})


def whole_graph(graph: Graph, arrays: Mapping[str, Array]) -> Any:
    """All parts, side by side in one graph."""
    parts, reasons = parts_of(graph)
    if not parts:
        neurons = [name for name in reasons if isinstance(graph[name].op, Firing)]
        first = next(iter(neurons or reasons), "")
        raise ValueError(
            f"NIR can hold no part of it (its node '{first}': {reasons.get(first, 'nothing is computed')}), expected "
            "neurons of several steps with --neuron.kind if or lif, --neuron.reset hard and --spikes.signed false"
        )
    return nir_graph(graph, arrays, [name for names in parts for name in names])

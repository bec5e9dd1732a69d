"""A NIR graph -> a graph of ours and its numbers: one time step, whose membranes are handed on (`Stateful`).

The way back of `convert.nir_form`: Conv2d, Affine, Linear, AvgPool2d, Scale, LIF and IF, and sums where edges meet.
What has no form here is an error that names the node. dt is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graph.graph import Graph
from graph.lower.scopes import SITES
from graph.neuron import Neuron
from graph.ops import Act, Add, Array, Conv, Input, Linear, Pool, Site
from graph.values import Shape


def _same(values: Any, what: str, name: str) -> float:
    """The one number that all of them are."""
    array = np.asarray(values, np.float32)
    if array.size and np.any(array != array.flat[0]):
        raise ValueError(f"NIR node '{name}' has several values of {what}, expected one for all of its neurons")
    return float(array.flat[0])


def _per_channel(values: Any, shape: Shape, name: str) -> Array:
    """[C, H, W] that is the same at every pixel, or [C] -> [C]."""
    array = np.broadcast_to(np.asarray(values, np.float32), shape)
    rows = array.reshape(shape[0], -1)
    if np.any(rows != rows[:, :1]):
        raise ValueError(f"NIR node '{name}' differs from pixel to pixel, expected one value a channel")
    return np.ascontiguousarray(rows[:, 0])


def _side(value: Any, name: str) -> int:
    sides = np.atleast_1d(value)
    if isinstance(value, str) or np.any(sides != sides[0]):
        raise ValueError(f"NIR node '{name}' has sides {value}, expected as much along both")
    return int(sides[0])


def _neuron(g: Graph, arrays: dict[str, Array], name: str, node: Any, x: str, gain: Array | None) -> str:
    """A neuron with the ``Scale`` in front of it, if any, as a folded site."""
    shape = g[x].shape
    kind = type(node).__name__.lower()
    theta = np.nextafter(_per_channel(node.v_threshold, shape, name), np.float32(np.inf))
    rest = _same(_per_channel(node.v_reset, shape, name) / theta, "v_reset over v_threshold", name)
    r = _same(node.r, "r", name)
    tau = _same(node.tau, "tau", name) if kind == "lif" else 2.0
    if r not in (1.0, np.float32(tau)):
        raise ValueError(f"NIR node '{name}' has r {r}, expected 1 or its tau {tau}")
    drift = node.v_leak - node.v_reset if kind == "lif" else np.zeros(shape, np.float32)
    neuron = Neuron(
        kind=kind,  # type: ignore[arg-type]
        levels=1,
        tau=tau,
        decay_input=r == 1.0,
        reset="hard",
        v_reset=rest,
    )
    axis = 0 if len(shape) == 3 else -1
    site = f"{SITES}{name}"
    op = Act(site=Site(name=site, neuron=neuron, folded=True, channels=shape[0], axis=axis), axis=axis)
    arrays |= {
        f"{site}.sign": np.ones(shape[0], np.float32) if gain is None else gain,
        f"{site}.bias": _per_channel(drift, shape, name) / np.float32(r),
        f"{site}.theta": theta,
        f"{site}.step": np.ones((), np.float32),
    }
    return g(site, op, x)


def _weighted(g: Graph, arrays: dict[str, Array], name: str, node: Any, x: str) -> str:
    kind = type(node).__name__
    if kind == "AvgPool2d":
        return g(name, Pool(fn="avg", kernel=_side(node.kernel_size, name), stride=_side(node.stride, name)), x)
    weight = np.asarray(node.weight, np.float32)
    bias = np.asarray(getattr(node, "bias", np.zeros(len(weight))), np.float32)
    arrays |= {f"{name}.weight": weight, f"{name}.bias": bias}
    if kind in ("Affine", "Linear"):
        return g(name, Linear(cin=weight.shape[1], cout=weight.shape[0]), x)
    if kind != "Conv2d":
        raise ValueError(f"NIR node '{name}' is a {kind}, expected Conv2d, Affine, Linear, AvgPool2d, Scale, LIF or IF")
    op = Conv(
        cin=weight.shape[1] * node.groups,
        cout=weight.shape[0],
        kernel=weight.shape[2:],
        stride=_side(node.stride, name),
        padding=_side(node.padding, name),
        dilation=_side(node.dilation, name),
        groups=int(node.groups),
        bias=True,
    )
    return g(name, op, x)


def _ordered(nodes: Mapping[str, Any], into: Mapping[str, list[str]]) -> list[str]:
    """Every node behind those that feed it."""
    order: dict[str, None] = {}
    while len(order) < len(nodes):
        ready = [n for n in nodes if n not in order and all(source in order for source in into[n])]
        if not ready:
            raise ValueError("the NIR graph runs in circles, expected one without")
        order |= dict.fromkeys(ready)
    return list(order)


def from_nir(source: Any) -> tuple[Graph, dict[str, Array]]:
    """``source``: a ``nir.NIRGraph``. -> a graph of one step, and what fills a network of it."""
    into: dict[str, list[str]] = {name: [] for name in source.nodes}
    for before, after in source.edges:
        into[after].append(before)
    g, arrays = Graph(name="nir"), dict[str, Array]()
    values: dict[str, str] = {}
    gains: dict[str, Array] = {}
    for name in _ordered(source.nodes, into):
        node, kind = source.nodes[name], type(source.nodes[name]).__name__
        if kind == "Input":
            values[name] = g(name, Input(dims=tuple(int(n) for n in node.input_type["input"])))
            continue
        x = values[into[name][0]]
        for k, other in enumerate(into[name][1:]):
            x = g(f"{name}_sum{k}", Add(), x, values[other])
        if kind == "Output":
            g.output(name, x)
        elif kind == "Scale":  # moves into the neuron behind it
            values[name], gains[name] = x, _per_channel(node.scale, g[x].shape, name)
        elif kind in ("LIF", "IF"):
            values[name] = _neuron(g, arrays, name, node, x, gains.get(into[name][0]))
        else:
            values[name] = _weighted(g, arrays, name, node, x)
    return g, arrays

"""Graph <-> JSON. A run's network is rebuilt from ``graph.json`` and safetensors, never unpickled.

Files of the first format had sites that stood for values, and neurons that stood in the run's config: they are brought
up to date as they are read (``graph.upgrade``).
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from common.words import not_among
from graph.graph import Graph, Node
from graph.neuron import Neuron
from graph.ops import REGISTRY, Site
from graph.passes.units import with_units
from graph.upgrade import upgraded
from graph.values import Unit

FORMAT = 2
PARTS: dict[str, type] = {"Site": Site, "Neuron": Neuron, "Unit": Unit}


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        shown = {f.name: _encode(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) != f.default}
        return {"type": type(value).__name__, **shown}
    return [_encode(v) for v in value] if isinstance(value, tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        kind = value["type"]
        types = {**REGISTRY, **PARTS}
        if kind not in types:
            raise ValueError(not_among("graph file: type", kind, types))
        return types[kind](**{k: _decode(v) for k, v in value.items() if k != "type"})
    return tuple(_decode(v) for v in value) if isinstance(value, list) else value


def dumps(graph: Graph, more: dict[str, Any] | None = None) -> str:
    """``more``: what else the file says, beside the graph."""
    nodes = [
        {"name": n.name, "op": _encode(n.op), "args": list(n.args)}
        | ({} if n.weights == n.name else {"weights": n.weights})
        for n in graph.nodes.values()
    ]
    head = {"format": FORMAT, "name": graph.name, "steps": graph.steps, "outputs": graph.outputs}
    head |= more or {}
    body = ",\n  ".join(json.dumps(n) for n in nodes)
    return json.dumps(head)[:-1] + ',\n "nodes": [\n  ' + body + "\n]}\n"


def about(text: str) -> dict[str, Any]:
    """What a graph file says beside its nodes."""
    return {k: v for k, v in json.loads(text).items() if k != "nodes"}


def loads(text: str, neuron: Neuron | None = None) -> Graph:
    """Rebuild through the builder, so that a file is checked as strictly as code is. ``neuron``: of all sites in a file
    of the first format, which does not say it."""
    data = json.loads(text)
    old = data.get("format", 1) < FORMAT
    if old:
        data = upgraded(data, neuron or Neuron())
    graph = Graph(steps=data["steps"], name=data["name"])
    for node in data["nodes"]:
        graph(node["name"], _decode(node["op"]), *node["args"], weights=node.get("weights"))
    graph.outputs = dict(data["outputs"])
    missing = [v for v in graph.outputs.values() if v not in graph]
    if missing:
        raise ValueError(f"graph file names the outputs {missing}, which no node makes")
    return with_units(graph) if old else graph


def same(a: Graph, b: Graph) -> bool:
    nodes: list[tuple[Node, Node]] = list(zip(a.nodes.values(), b.nodes.values(), strict=False))
    units = [getattr(x.op, "unit", None) == getattr(y.op, "unit", None) for x, y in nodes]
    heads = len(a) == len(b) and a.steps == b.steps and a.outputs == b.outputs
    return heads and all(units) and all(x == y for x, y in nodes)

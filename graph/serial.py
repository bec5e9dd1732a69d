"""Graph <-> JSON. A run's network is rebuilt from ``graph.json`` and safetensors, never unpickled."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from graph.graph import Graph, Node
from graph.neuron import Neuron
from graph.ops import REGISTRY, Site
from graph.values import Unit

TYPES: dict[str, type] = {**REGISTRY, "Site": Site, "Neuron": Neuron, "Unit": Unit}


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        shown = {f.name: _encode(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) != f.default}
        return {"type": type(value).__name__, **shown}
    return [_encode(v) for v in value] if isinstance(value, tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        kind = value["type"]
        if kind not in TYPES:
            raise ValueError(f"graph file names the op '{kind}', which is not one of {sorted(TYPES)}")
        return TYPES[kind](**{k: _decode(v) for k, v in value.items() if k != "type"})
    return tuple(_decode(v) for v in value) if isinstance(value, list) else value


def dumps(graph: Graph) -> str:
    nodes = [
        {"name": n.name, "op": _encode(n.op), "args": list(n.args)}
        | ({} if n.weights == n.name else {"weights": n.weights})
        for n in graph.nodes.values()
    ]
    head = {"name": graph.name, "steps": graph.steps, "outputs": graph.outputs}
    body = ",\n  ".join(json.dumps(n) for n in nodes)
    return json.dumps(head)[:-1] + ',\n "nodes": [\n  ' + body + "\n]}\n"


def loads(text: str) -> Graph:
    """Rebuild through the builder, so that a file is checked as strictly as code is."""
    data = json.loads(text)
    graph = Graph(steps=data["steps"], name=data["name"])
    for node in data["nodes"]:
        graph(node["name"], _decode(node["op"]), *node["args"], weights=node.get("weights"))
    graph.outputs = dict(data["outputs"])
    missing = [v for v in graph.outputs.values() if v not in graph]
    if missing:
        raise ValueError(f"graph file names the outputs {missing}, which no node makes")
    return graph


def same(a: Graph, b: Graph) -> bool:
    nodes: list[tuple[Node, Node]] = list(zip(a.nodes.values(), b.nodes.values(), strict=False))
    return len(a) == len(b) and a.steps == b.steps and a.outputs == b.outputs and all(x == y for x, y in nodes)

"""``lower``: Graph x Dialect -> ``torch.fx.GraphModule``. It emits fx, it never traces.

The printed ``.code`` has one line a node. Every state-dict key is a node's ``weights`` name plus what its module adds.
The only file of the room that imports torch, and it knows no backend: the dialect's factories do.
"""

from __future__ import annotations

import torch
from torch import fx, nn

from graph.dialect import Call, Dialect
from graph.graph import Graph, Node
from graph.infer import infer
from graph.ops import Input, Output


class _Lowering:
    def __init__(self, graph: Graph, dialect: Dialect) -> None:
        self.graph, self.dialect = graph, dialect
        self.fx = fx.Graph()
        self.modules: dict[str, nn.Module | nn.Parameter] = {}
        self.env: dict[str, fx.Node] = {}

    def emit(self, node: Node) -> fx.Node:
        label = node.name.replace(".", "_")
        args = tuple(self.env[a] for a in node.args)
        if isinstance(node.op, Input):
            return self.fx.placeholder(label)
        if isinstance(node.op, Output):
            return args[0]
        made = self._made(node)
        if isinstance(made, Call):
            inputs = ([*args],) if made.star else args
            return self.fx.create_node("call_function", made.fn, (*inputs, *made.args), dict(made.kwargs), label)
        if isinstance(made, nn.Parameter):
            stored = self.fx.create_node("get_attr", node.weights, name=f"{label}_stored")
            return self.fx.create_node("call_function", torch.unsqueeze, (stored, 0), name=label)
        return self.fx.create_node("call_module", node.weights, args, dict(node.op.keywords()), label)

    def _made(self, node: Node) -> nn.Module | nn.Parameter | Call:
        if node.weights in self.modules:
            return self.modules[node.weights]
        factory = self.dialect.table.get(type(node.op))
        if factory is None:
            raise ValueError(
                f"node '{node.name}': dialect '{self.dialect.name}' has no row for {type(node.op).__name__}"
            )
        made = factory(node.op)
        if not isinstance(made, Call):
            self.modules[node.weights] = made
        return made

    def run(self) -> fx.GraphModule:
        for node in self.graph.nodes.values():
            made = self.emit(node)
            made.meta.setdefault("node", node.name)
            self.env[node.name] = made
        self.fx.output({name: self.env[value] for name, value in self.graph.outputs.items()})
        root = {k: v for k, v in self.modules.items()}
        return fx.GraphModule(root, self.fx, class_name="".join(p.title() for p in self.graph.name.split("_")))


def lower(graph: Graph, dialect: Dialect, outputs: list[str] | None = None) -> fx.GraphModule:
    """A module whose ``forward(**inputs)`` returns ``{output name: tensor}``; ``module.source`` is its graph."""
    wanted = graph.pruned(outputs)
    infer(wanted)  # clocks and kinds must be consistent before anything is built
    module = _Lowering(wanted, dialect).run()
    module.__dict__["source"] = wanted  # a plain attribute: neither a tensor nor a module
    return module


def source_of(module: fx.GraphModule) -> Graph:
    """The graph that a lowered module came from."""
    graph = getattr(module, "source", None)
    if not isinstance(graph, Graph):
        raise ValueError(f"{type(module).__name__} has no source graph, expected a module made by graph.lower.lower")
    return graph

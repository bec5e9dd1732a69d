"""A network in two: a scope of its graph, and what reads its values. So that one half can be converted by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from graph.graph import Graph, empty_like
from graph.lower import Network
from graph.ops import Input


def halves(graph: Graph, scope: str) -> tuple[Graph, Graph]:
    """(the scope, its values outputs ``value_0`` ..., the rest, these its inputs)."""
    inside = [name for name in graph.nodes if name.startswith(f"{scope}.")]
    readers = graph.consumers()
    read = [name for name in inside if any(reader not in inside for reader in readers[name])]
    names = {name: f"value_{k}" for k, name in enumerate(read)}
    wanted = {a for name in inside for a in graph[name].args if a not in inside}
    front, back = empty_like(graph), empty_like(graph)
    for name, node in graph.nodes.items():
        if name in inside or name in wanted:
            front(name, node.op, *node.args, weights=node.weights)
        if name in names:
            back(names[name], Input(dims=node.shape))
        elif name not in inside:
            back(name, node.op, *(names.get(a, a) for a in node.args), weights=node.weights)
    for name, output in names.items():
        front.output(output, name)
    back.outputs = dict(graph.outputs)
    unread = {name for name, node in back.nodes.items() if isinstance(node.op, Input) and not back.consumers()[name]}
    return front, replace(back, nodes={name: node for name, node in back.nodes.items() if name not in unread})


class Joined(nn.Module):
    """``front``: image -> the values that ``back`` reads. Takes a frame as the whole network does."""

    def __init__(self, front: nn.Module, back: Network) -> None:
        super().__init__()
        self.front, self.back = front, back
        self.read = [name for name, node in back.graph.nodes.items() if isinstance(node.op, Input)]

    def forward(self, image: Tensor, logmel: Tensor) -> Mapping[str, Tensor]:
        given = {"image": image, "logmel": logmel, **self.front(image=image)}
        found: Mapping[str, Tensor] = self.back(**{name: x for name, x in given.items() if name in self.read})
        return found

"""Does a NIR graph fire what the network fires from which it was written? Random films, in numpy, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convert.nir_form import clean
from convert.nir_read import from_nir
from graph.graph import Graph
from graph.meaning import evaluate
from graph.ops import Array, Input


def alone(graph: Graph, names: Sequence[str], steps: int) -> Graph:
    """Some nodes of a graph; values that cross the border are inputs, and outputs ``out_X``."""
    part, held, readers = Graph(name="part", steps=steps), set(names), graph.consumers()
    for name in names:
        for arg in graph[name].args:
            if arg not in held and arg not in part:
                part.nodes[arg] = replace(graph[arg], op=Input(dims=graph[arg].shape), args=())
        part.nodes[name] = graph[name]
    results = set(graph.outputs.values())
    crossing = [n for n in names if n in results or any(reader not in held for reader in readers[n])]
    part.outputs = {f"out_{clean(n)}": n for n in crossing}
    return part


def film_of(part: Graph, seed: int = 0) -> dict[str, Array]:
    """Another input in every step, [T, ...], by the names of the network."""
    random = np.random.default_rng(seed)
    inputs = {name: node.op.dims for name, node in part.nodes.items() if isinstance(node.op, Input)}
    return {name: random.normal(1, 4, (part.steps, *dims)).astype(np.float32) for name, dims in inputs.items()}


def read_back(source: Any, film: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a NIR graph, read by us, over a film."""
    graph, numbers = from_nir(source)
    given = {f"in_{clean(name)}": x for name, x in film.items()}
    steps = len(next(iter(given.values())))
    values = evaluate(replace(graph, steps=steps), numbers, {n: x for n, x in given.items() if n in graph.nodes})
    return {name: values[node] for name, node in graph.outputs.items()}


def difference(graph: Graph, arrays: Mapping[str, Array], names: Sequence[str], source: Any, steps: int = 16) -> float:
    """The largest difference of any value that leaves the part, as a share of the largest one above 1."""
    part = alone(graph, names, steps)
    film = film_of(part)
    wanted, found = evaluate(part, arrays, film), read_back(source, film)
    off = 0.0
    for output, name in part.outputs.items():
        off = max(off, float(np.abs(found[output] - wanted[name]).max() / max(1.0, float(np.abs(wanted[name]).max()))))
    return off

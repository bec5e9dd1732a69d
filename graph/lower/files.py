"""A network as a folder: ``graph.json`` (the graph, who computes it, what it is for) and ``model.safetensors``.

Nothing else is needed to run it. Weights are read as numbers, never unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from common.files import write_whole
from common.words import not_among
from graph.dialect import DIALECTS, Dialect
from graph.graph import Graph
from graph.lower.network import Network
from graph.ops import Firing
from graph.serial import about, dumps
from graph.task import Task

GRAPH, WEIGHTS = "graph.json", "model.safetensors"


def graph_file(network: Network) -> str:
    return dumps(network.graph, {"dialect": network.dialect.name, "task": asdict(network.task)})


def weights_file(state: Mapping[str, Tensor]) -> bytes:
    return save({k: v.detach().cpu().contiguous().clone() for k, v in state.items()})


def write(network: Network, folder: Path) -> None:
    write_whole(folder / GRAPH, graph_file(network).encode())
    write_whole(folder / WEIGHTS, weights_file(network.state_dict()))


def dialect_of(text: str, graph: Graph) -> Dialect:
    """Who computes the network that a graph file describes; a file of the first format tells it by its sites."""
    spiking = any(isinstance(n.op, Firing) and n.op.site is not None for n in graph.nodes.values())
    name = about(text).get("dialect", "snn" if spiking else "ann")
    if name not in DIALECTS:
        raise ValueError(not_among(f"{GRAPH}: dialect", name, DIALECTS))
    return DIALECTS[name]


def task_of(text: str) -> Task:
    facts = about(text).get("task", {})
    return Task(preparation=facts.get("preparation", ""), classes=tuple(facts.get("classes", ())))

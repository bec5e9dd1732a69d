"""What leaves the torch world for the event runner: a graph file and plain arrays, constants included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from safetensors.torch import save

from graph.graph import Graph
from graph.lower import Network
from graph.lower.files import GRAPH, graph_file
from graph.lower.files import WEIGHTS as ARRAYS
from graph.ops import Array, Const, Param
from graph.serial import loads
from layers.consts import Constant


def arrays_of(network: Network) -> bytes:
    """The state dict plus the constants under their node names, as safetensors."""
    tensors = {k: v.detach().contiguous().clone() for k, v in network.state_dict().items()}
    for name, node in network.graph.nodes.items():
        if isinstance(node.op, Const):
            table = network.get_submodule(node.weights)
            assert isinstance(table, Constant)
            tensors[name] = table.value[0].contiguous().clone()
    return save(tensors)


def deployed_files(network: Network) -> dict[str, bytes]:
    """File name -> content of a deployed network."""
    return {GRAPH: graph_file(network).encode(), ARRAYS: arrays_of(network)}


def read(folder: Path) -> tuple[Graph, dict[str, Array]]:
    graph = loads((folder / GRAPH).read_text())
    arrays = {k: np.asarray(v) for k, v in load_file(folder / ARRAYS).items()}
    missing = [n for n, v in graph.nodes.items() if isinstance(v.op, Const | Param) and v.weights not in arrays]
    if missing:
        raise ValueError(f"{folder / ARRAYS} lacks the tables {missing} that {GRAPH} names")
    return graph, arrays

"""``observe``: the value of every node while a network runs. The one observer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from graph.graph import Node
from graph.lower.network import Network
from graph.ops import Input, Output

See = Callable[[Node, tuple[Tensor, ...], Tensor], None]


@torch.no_grad()
def observe(network: Network, batch: Mapping[str, Tensor], see: See, *, training: bool = False) -> dict[str, Tensor]:
    """Run a batch in eval mode, node by node, and report (node, inputs, value) of each as it is computed; -> outputs.
    ``training``: in the mode that its parts are in instead.

    Sites that are lent a norm are run as the network runs them, and the norm is shown beside."""
    graph, values = network.graph, dict[str, Tensor]()
    missing = [n for n, v in graph.nodes.items() if isinstance(v.op, Input) and n not in batch]
    if missing:
        raise ValueError(f"batch lacks the inputs {missing}, found {sorted(batch)}")
    modes = [(part, part.training) for part in network.modules()]
    if not training:
        network.eval()
    try:
        for name, node in graph.nodes.items():
            if isinstance(node.op, Input):
                values[name] = batch[name]
            else:
                values[name] = network.compute(node, [values[a] for a in network.arguments(node)])
            if not isinstance(node.op, Output):
                see(node, tuple(values[a] for a in node.args), values[name])
    finally:
        for part, mode in modes:
            part.training = mode
    return {name: values[value] for name, value in graph.outputs.items()}

"""``observe``: the value of every node while a network runs. The one observer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from graph.graph import Node
from graph.lower.network import Network
from graph.ops import Input, Output

See = Callable[[Node, tuple[Tensor, ...], Tensor], None]


def last_readers(network: Network) -> dict[str, list[str]]:
    """Node -> the values that nobody reads after it."""
    last: dict[str, str] = {}
    for node in network.graph.nodes.values():
        last |= dict.fromkeys((node.name, *node.args, *network.arguments(node)), node.name)
    outputs, done = set(network.graph.outputs.values()), dict[str, list[str]]()
    for value, reader in last.items():
        if value not in outputs:
            done.setdefault(reader, []).append(value)
    return done


@torch.no_grad()
def observe(
    network: Network,
    batch: Mapping[str, Tensor],
    see: See,
    *,
    training: bool = False,
    instead: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Run a batch in eval mode, node by node, and report (node, inputs, value) of each as it is computed; -> outputs.
    ``training``: in the mode that its parts are in instead. ``instead``: by node, what others read of it in place of
    its own value, which is still computed and reported.

    Sites that are lent a norm are run as the network runs them, and the norm is shown beside."""
    graph, values = network.graph, dict[str, Tensor]()
    missing = [n for n, v in graph.nodes.items() if isinstance(v.op, Input) and n not in batch]
    if missing:
        raise ValueError(f"batch lacks the inputs {missing}, found {sorted(batch)}")
    modes = [(part, part.training) for part in network.modules()]
    if not training:
        network.eval()
    last = last_readers(network)
    try:
        for name, node in graph.nodes.items():
            if isinstance(node.op, Input):
                values[name] = batch[name]
            else:
                values[name] = network.compute(node, [values[a] for a in network.arguments(node)])
            if not isinstance(node.op, Output):
                see(node, tuple(values[a] for a in node.args), values[name])
            if instead and name in instead:
                values[name] = instead[name]
            for done in last.get(name, ()):
                del values[done]  # whoever saw it and wants it has kept it
    finally:
        for part, mode in modes:
            part.training = mode
    return {name: values[value] for name, value in graph.outputs.items()}

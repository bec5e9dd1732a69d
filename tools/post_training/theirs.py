"""Conversion by SpikingJelly 2.0 (``ann2snn``): of an image backbone, written as the plain modules that it knows.

Its recipe fuses a norm into the convolution *before* it, and puts an IF neuron in the place of each ``nn.ReLU``; what
it has no rule for stays as it is, real-valued, and nothing is said.
"""

from __future__ import annotations

import operator
from collections import Counter

import torch
from torch import Tensor, fx, nn

from graph.graph import Graph
from graph.lower import Network
from graph.ops import Act, Add, Const, Conv, Input, Linear, Norm, Op, Output, Param


def _module(op: Op) -> nn.Module | None:
    if isinstance(op, Conv):
        return nn.Conv2d(op.cin, op.cout, op.kernel, op.stride, op.padding, op.dilation, op.groups, bias=op.bias)
    if isinstance(op, Linear):
        return nn.Linear(op.cin, op.cout, bias=op.bias)
    if isinstance(op, Norm) and op.foldable and op.axis == 0:
        return nn.BatchNorm2d(op.channels, eps=op.eps)
    return nn.ReLU() if isinstance(op, Act) and op.fn == "relu" and op.site is None else None


def refused(graph: Graph) -> Counter[str]:
    """Ops that compute and that no rule of theirs makes spikes of, or feeds with them."""
    return Counter(
        type(node.op).__name__
        for node in graph.nodes.values()
        if not (node.op.moves or isinstance(node.op, (Input, Param, Const, Output, Add))) and _module(node.op) is None
    )


class Plain(nn.Module):
    """The same part as an ``fx`` graph of plain modules; ``names``: of its outputs."""

    def __init__(self, part: Network) -> None:
        super().__init__()
        graph, weights, root, emitted = part.graph, part.state_dict(), nn.Module(), fx.Graph()
        values: dict[str, fx.Node] = {}
        for name, node in graph.nodes.items():
            args = tuple(values[a] for a in node.args)
            if isinstance(node.op, Input):
                values[name] = emitted.placeholder(name)
            elif isinstance(node.op, Output):
                values[name] = args[0]
            elif isinstance(node.op, Add):
                values[name] = emitted.call_function(operator.add, args)
            else:
                module = _module(node.op)
                if module is None:
                    raise ValueError(f"node '{name}' is a {type(node.op).__name__}, which has no plain module")
                prefix = f"{node.weights}."
                own = {key.removeprefix(prefix): x for key, x in weights.items() if key.startswith(prefix)}
                module.load_state_dict(own, strict=not isinstance(module, nn.BatchNorm2d))  # it counts batches too
                flat = name.replace(".", "_")
                root.add_module(flat, module)
                values[name] = emitted.call_module(flat, args)
        self.names = tuple(graph.outputs)
        emitted.output(tuple(values[graph.outputs[n]] for n in self.names))
        self.traced = fx.GraphModule(root, emitted).eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.names, self.traced(image), strict=True))


class Stepped(nn.Module):
    """Their network, over T steps of the same image: the mean of its outputs."""

    def __init__(self, plain: Plain, frames: Tensor, steps: int, *, channels: bool) -> None:
        super().__init__()
        from spikingjelly.activation_based.ann2snn import Converter, RateCodingRecipe

        recipe = RateCodingRecipe([frames], mode="99.9%", channel_wise=channels, half_threshold=channels)
        self.network, self.names, self.steps = Converter(recipe).convert(plain.traced), plain.names, steps

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        from spikingjelly.activation_based import functional

        functional.reset_net(self.network)
        total = [torch.zeros(()) for _ in self.names]
        for _ in range(self.steps):
            total = [so_far + now for so_far, now in zip(total, self.network(image), strict=True)]
        functional.reset_net(self.network)
        return {name: value / self.steps for name, value in zip(self.names, total, strict=True)}

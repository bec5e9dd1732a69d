"""The int8 ANN: the opponent that int8 prices describe, as a network that can be scored.

After training, without more of it: weights of 8 bits per output channel (`convert.widths`); what every weighted op and
product reads is rounded to 256 levels of one scale per value, by its largest size over some training frames:

    x -> s clip(round(x / s), -127, 127),   s = max |x| / 127      (or 0 to 255, s = max x / 255)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convert.fold import fold_network
from convert.widths import narrow
from graph.graph import Node
from graph.lower import Network, observe
from graph.ops import Input

WIDTH = 8
FINEST = 40  # fractional bits of a weight: as many as its channel needs
LEVELS = 2**WIDTH - 1


@dataclass(frozen=True)
class Range:
    """What a value held over the calibration frames."""

    low: float
    high: float

    def joined(self, x: Tensor) -> Range:
        low, high = x.aminmax()
        return Range(min(self.low, float(low)), max(self.high, float(high)))

    def rounded(self, x: Tensor) -> Tensor:
        """x on the 256 levels of this range."""
        signed = self.low < 0
        most = LEVELS // 2 if signed else LEVELS
        scale = max(self.high, -self.low) / most
        return x if not scale else (x / scale).round().clamp(-most if signed else 0, most) * scale


NOTHING = Range(0.0, 0.0)


def operands(network: Network) -> set[str]:
    """The values that weighted ops and products read."""
    return {n.args[i] for n in network.graph.nodes.values() for i in n.op.events_on}


class Int8(nn.Module):
    """``network``: folded, its weights narrow. Runs it node by node and rounds operands on their way."""

    def __init__(self, network: Network, ranges: Mapping[str, Range]) -> None:
        super().__init__()
        self.network, self.ranges = network, dict(ranges)

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        graph, values = self.network.graph, dict[str, Tensor](inputs)
        for name, node in graph.nodes.items():
            if isinstance(node.op, Input):
                continue
            read = [values[a] for a in node.args]
            for i in node.op.events_on:
                read[i] = self.ranges[node.args[i]].rounded(read[i])
            values[name] = self.network.compute(node, read)
        return {name: values[value] for name, value in graph.outputs.items()}


@torch.no_grad()
def int8(ann: Network, batch: Mapping[str, Tensor]) -> Int8:
    """The int8 network of a trained ANN (its inference part, on the CPU), put where ``batch`` is: training frames that
    set the scales."""
    folded = narrow(fold_network(ann), WIDTH, FINEST)
    folded.to(next(iter(batch.values())).device)
    read, ranges = operands(folded), dict[str, Range]()

    def see(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if node.name in read:
            ranges[node.name] = ranges.get(node.name, NOTHING).joined(value)

    observe(folded, batch, see)
    return Int8(folded, ranges).eval()

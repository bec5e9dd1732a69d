"""Weights of a stated width: per output channel, whole numbers q of b bits, sign included, times a power of two.

    w = q 2**-g,   |q| <= 2**(b - 1) - 1,   g = the finest such grid that holds the channel, at most ``bits``

A power of two keeps the sums exact (`convert.snap`) and costs a machine a shift. ``widest`` reads the width back from
the numbers of a network, whoever rounded them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph.lower import Network

FREE = 0  # as wide as the grid makes them
FLOAT = 32


def channel_grids(weight: Tensor, width: int, bits: int) -> Tensor:
    """g [C] of a weight [C, ...]."""
    limit = 2.0 ** (width - 1) - 1
    top = weight.detach().double().abs().flatten(1).amax(1).clamp(min=2.0**-60)
    return (limit / top).log2().floor().clamp(max=bits)


def to_width(weight: Tensor, width: int, bits: int) -> Tensor:
    """The nearest weight [C, ...] of that width on the grids of its channels."""
    scale = (2.0 ** channel_grids(weight, width, bits)).reshape(-1, *(1 for _ in weight.shape[1:]))
    return ((weight.double() * scale).round() / scale).to(weight.dtype)


def layers(network: Network) -> list[nn.Conv2d | nn.Linear]:
    owners = [network.get_submodule(n.weights) for n in network.graph.nodes.values() if n.op.weighted]
    return [layer for layer in owners if isinstance(layer, nn.Conv2d | nn.Linear)]


@torch.no_grad()
def narrow(network: Network, width: int, bits: int) -> Network:
    """In place: every weighted op's weights to ``width`` bits; biases, tables and thresholds stay as they are."""
    for layer in layers(network) if width != FREE else []:
        layer.weight.copy_(to_width(layer.weight, width, bits))
    return network


def channel_widths(weight: Tensor, most: int = FLOAT) -> Tensor:
    """The fewest bits, sign included, whose integers times a power of two hold each channel; ``most`` where none do."""
    x = weight.detach().double().flatten(1)
    mantissa, exponent = torch.frexp(x)
    whole = (mantissa * 2.0**53).abs().to(torch.int64)
    # A value's last set bit stands at 2**(exponent - 53 + trailing zeros).
    zeros = (whole & -whole).double().log2()
    finest = torch.where(whole > 0, 53 - zeros - exponent, -torch.inf).amax(1)
    largest = torch.where(whole > 0, exponent.double(), -torch.inf).amax(1)
    width = (finest + largest + 1).nan_to_num(nan=1.0, neginf=1.0).clamp(max=most)
    return width.to(torch.int64)


def widest(network: Network) -> int:
    """Bits of the widest channel of all weighted ops; 32 where weights are plain fp32 numbers."""
    return max((int(channel_widths(layer.weight).max()) for layer in layers(network)), default=FLOAT)

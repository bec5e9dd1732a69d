"""A convolution moved in front of the upsampling is the same function."""

import pytest
import torch
import torch.nn.functional as F

from ann import ANN
from graph.blocks.upsampled_conv import conv_of_upsampled
from graph.graph import Graph
from graph.lower import lower
from graph.ops import Input


@pytest.mark.parametrize(("cout", "factor", "size"), [(1, 4, 5), (3, 2, 4), (2, 1, 3)])
def test_against_torch(cout, factor, size):
    g = Graph(name="taps")
    x = g("x", Input(dims=(6, size, size + 1)))
    g.output("y", conv_of_upsampled(g, "conv", x, cout, factor))
    module = lower(g, ANN)
    x, kernel, bias = torch.randn(2, 6, size, size + 1), torch.randn(cout, 6, 3, 3), torch.randn(cout)
    taps = kernel.permute(2, 3, 0, 1).reshape(9 * cout, 6, 1, 1)
    module.load_state_dict({"conv.taps.weight": taps, "conv.bias": bias.reshape(cout, 1, 1)})
    fine = F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)
    assert torch.allclose(module(x=x)["y"], F.conv2d(fine, kernel, bias, padding=1), atol=1e-5)


def test_the_products_stay_coarse():
    g = Graph(name="taps")
    conv_of_upsampled(g, "conv", g("x", Input(dims=(16, 8, 8))), 1, 4)
    assert sum(g.macs(n) for n in g.nodes.values()) == 9 * 16 * 8 * 8

"""The int8 ANN: operands on 256 levels, weights of 8 bits, and nothing else changed."""

from __future__ import annotations

import pytest
import torch

from ann import ANN
from convert.int8 import Range, int8, operands
from convert.widths import widest
from graph.graph import Graph
from graph.lower import lower
from graph.ops import Act, Conv, Input, MatMul, View


@pytest.mark.parametrize(("low", "high", "levels"), [(0.0, 5.1, 255), (-2.54, 1.0, 127), (-0.5, 2.54, 127)])
def test_a_range_has_256_levels(low, high, levels):
    scale = max(high, -low) / levels
    x = torch.tensor([low, high, 0.0, scale, 0.4 * scale, 10 * high, -10.0])
    least = -levels * scale if low < 0 else 0.0
    expected = [low, high, 0.0, scale, 0.0, levels * scale, least]
    assert Range(low, high).rounded(x).tolist() == pytest.approx(expected, rel=1e-5, abs=scale / 2)
    grid = Range(low, high).rounded(torch.linspace(low, high, 999)) / scale
    assert torch.allclose(grid, grid.round(), atol=1e-3) and len(grid.round().unique()) <= 256


def test_what_holds_nothing_but_zeros_stays():
    assert Range(0.0, 0.0).rounded(torch.zeros(3)).tolist() == [0.0] * 3


def by_hand(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Conv 1x1, relu, x x^T, of numbers typed for this test's network alone."""
    w = weight.clone()
    for channel in range(len(w)):
        grid = 40
        while (w[channel].abs().max() * 2.0**grid) > 127:
            grid -= 1
        w[channel] = (w[channel] * 2.0**grid).round() / 2.0**grid
    conv = torch.nn.functional.conv2d
    whole, scale = conv(x, w).relu(), x.abs().max() / 127
    y = conv((x / scale).round().clamp(-127, 127) * scale, w).relu().flatten(2)
    scale = whole.max() / 255
    y = (y / scale).round().clamp(0, 255) * scale
    return y @ y.mT


def test_a_small_network_by_hand():
    torch.manual_seed(0)
    g = Graph(name="small")
    y = g("act", Act(), g("conv", Conv(cin=3, cout=5), g("x", Input(dims=(3, 4, 4)))))
    rows = g("rows", View(pattern="c h w -> c (h w)"), y)
    columns = g("columns", View(pattern="c h w -> (h w) c"), y)
    g.output("y", g("product", MatMul(inner=16), rows, columns))
    network = lower(g, ANN).eval()
    x = torch.randn(2, 3, 4, 4)
    expected = by_hand(x, network.get_submodule("conv").weight.detach())
    assert torch.allclose(int8(network, {"x": x})(x=x)["y"], expected, atol=1e-5)


def test_a_network_is_close_and_its_weights_are_narrow(ann, batch):
    quantised = int8(ann, batch)
    assert widest(quantised.network) == 8
    assert operands(quantised.network) == quantised.ranges.keys()
    a, b = ann(**batch)["mask"], quantised(**batch)["mask"]
    assert 0 < (a - b).norm() < 0.2 * a.norm()


def test_scales_come_from_the_frames_that_were_given(ann, batch):
    loud = {k: v * 8 for k, v in batch.items()}
    a, b = int8(ann, batch), int8(ann, loud)
    assert b.ranges["image"].high == pytest.approx(8 * a.ranges["image"].high)
    with torch.no_grad():
        clipped, whole = a(**loud)["mask"], b(**loud)["mask"]
        right = ann(**loud)["mask"]
    assert (whole - right).norm() < (clipped - right).norm()

"""Weights of b bits a channel: nearest, within the width, and read back from the numbers alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ann import QANN
from convert.fold import fold_network
from convert.snap import snap
from convert.widths import channel_grids, channel_widths, layers, narrow, to_width, widest
from graph.passes import SpikeSpec


def by_hand(channel: list[float], width: int, bits: int) -> list[float]:
    """Grid after grid, from the finest: the first on which the channel fits."""
    most = 2 ** (width - 1) - 1
    for grid in range(bits, -60, -1):
        if max(abs(w) for w in channel) * 2.0**grid <= most:
            return [round(w * 2.0**grid) / 2.0**grid for w in channel]
    raise AssertionError


@given(st.integers(2, 10), st.integers(1, 14), st.integers(0, 10_000), st.sampled_from([1e-3, 0.1, 1.0, 30.0]))
def test_a_weight_is_the_nearest_of_its_width(width, bits, seed, size):
    weight = torch.randn(3, 2, 3, 1, generator=torch.Generator().manual_seed(seed)) * size
    narrowed = to_width(weight, width, bits)
    for channel, expected in zip(narrowed, weight, strict=True):
        assert channel.flatten().tolist() == by_hand(expected.flatten().tolist(), width, bits)
    assert int(channel_widths(narrowed).max()) <= width
    again = to_width(narrowed, width, bits)
    assert torch.equal(again, narrowed)


@pytest.mark.parametrize(
    ("channel", "width"),
    [([0.0, 0.0], 1), ([1.0, 0.0], 2), ([0.75, -1.0], 4), ([127 / 64, 1 / 64], 8), ([-0.5, 0.25], 3), ([8.0, -4.0], 3)],
)
def test_width_of_a_channel_by_hand(channel, width):
    assert channel_widths(torch.tensor([channel])).tolist() == [width]


def test_a_number_of_fp32_has_no_narrow_width():
    assert channel_widths(torch.tensor([[math.pi, 1e-9]])).tolist() == [32]


def test_a_channel_of_zeros_stays():
    assert to_width(torch.zeros(2, 3), 8, 12).tolist() == [[0.0] * 3] * 2
    assert channel_grids(torch.zeros(1, 3), 8, 12).tolist() == [12.0]


@pytest.mark.parametrize("width", [4, 8])
def test_a_deployed_network_has_the_width_it_was_given(taken_over, width):
    folded = fold_network(taken_over(SpikeSpec(), QANN))
    assert widest(folded) > 14
    free = widest(snap(fold_network(taken_over(SpikeSpec(), QANN)), 12))
    assert free > width
    biases = [layer.bias.clone() for layer in layers(folded) if layer.bias is not None]
    narrowed = snap(narrow(folded, width, 12), 12)
    assert widest(narrowed) == width
    kept = [layer.bias for layer in layers(narrowed) if layer.bias is not None]
    assert all((a - b).abs().max() <= 2.0**-13 for a, b in zip(kept, biases, strict=True))

"""Sine positions and reference points."""

from math import cos, sin

import pytest
import torch

from graph.ops import Const
from layers.consts import Constant, reference_points, sine_positions


@pytest.mark.parametrize(("height", "width", "channels"), [(3, 5, 8), (1, 1, 4), (7, 2, 16)])
def test_sine_positions(height, width, channels):
    table = sine_positions(height, width, channels).reshape(height, width, channels)
    half = channels // 2
    for row in range(height):
        for column in range(width):
            for k in range(half):
                rate = 10_000 ** (2 * (k // 2) / half)
                f = cos if k % 2 else sin
                assert table[row, column, k].item() == pytest.approx(f((row + 1) / rate), abs=1e-5)
                assert table[row, column, half + k].item() == pytest.approx(f((column + 1) / rate), abs=1e-5)


def test_positions_differ():
    table = sine_positions(12, 9, 16)
    assert table.abs().max() <= 1
    assert torch.cdist(table, table).add(torch.eye(108) * 9).min() > 1e-2


def test_reference_points_are_centres():
    levels = ((4, 6), (2, 3))
    points = reference_points(levels)
    assert points.shape == (30, 2, 2) and points.min() > 0 and points.max() < 1
    assert torch.equal(points[:, 0], points[:, 1])  # the same place on every level
    first = points[:24, 0].reshape(4, 6, 2)
    assert torch.allclose(first[1, 2], torch.tensor([2.5 / 6, 1.5 / 4]))
    assert torch.allclose(first.flip(0, 1), 1 - first, atol=1e-6)
    assert torch.allclose(points[:24].mean(0), torch.full((2, 2), 0.5), atol=1e-6)


def test_a_constant_has_a_batch_axis_and_is_not_saved():
    levels = ((2, 2), (1, 1))
    made = Constant(Const(recipe="sine", dims=(5, 8), levels=levels))
    assert made().shape == (1, 5, 8) and not made.state_dict()
    assert torch.equal(made()[0, 4:], sine_positions(1, 1, 8))
    assert Constant(Const(recipe="reference", dims=(5, 2, 2), levels=levels))().shape == (1, 5, 2, 2)
    with pytest.raises(ValueError, match=r"Const.recipe is 'rope', expected one of zeros, sine"):
        Constant(Const(recipe="rope", dims=(1,)))


def test_normalised_positions_end_at_a_full_turn():
    """As a running count of rows, divided by the last one, times 2 pi."""
    table = sine_positions(4, 3, 8, normalised=True).reshape(4, 3, 8)
    rows = torch.ones(4, 3).cumsum(0)
    place = rows / (rows[-1:] + 1e-6) * 2 * torch.pi
    for k in range(4):
        phase = place / 10_000 ** (2 * (k // 2) / 4)
        assert torch.allclose(table[..., k], phase.cos() if k % 2 else phase.sin(), atol=1e-5)
    made = Constant(Const(recipe="sine_normalised", dims=(12, 8), levels=((4, 3),)))
    assert torch.equal(made()[0], table.reshape(12, 8))

"""Straight-through rounding: the value is torch's, the gradient is one where it should be."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from layers.quantise import ClipRound, clip_round, round_ste, to_grid

floats = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=20).map(torch.tensor)


@given(floats)
def test_rounding_is_exact_and_straight_through(x):
    x.requires_grad_()
    y = round_ste(x)
    assert torch.equal(y, x.detach().round())
    (grad,) = torch.autograd.grad((y * torch.arange(1.0, len(x) + 1)).sum(), x)
    assert torch.equal(grad, torch.arange(1.0, len(x) + 1))


@given(floats, st.integers(1, 8), st.booleans())
def test_clip_round(x, levels, signed):
    x.requires_grad_()
    y = clip_round(x, levels, signed)
    low = -levels if signed else 0
    assert torch.equal(y, x.detach().clamp(low, levels).round())
    (grad,) = torch.autograd.grad(y.sum(), x)
    inside = (x.detach() >= low) & (x.detach() <= levels)
    assert torch.equal(grad, inside.float())
    assert torch.equal(ClipRound(levels, signed)(x), y)


@given(floats, st.integers(0, 8))
def test_grid(x, bits):
    y = to_grid(x, bits)
    assert torch.equal(y * 2.0**bits, (y * 2.0**bits).round())
    assert (y - x).abs().max() <= 2.0 ** -(bits + 1)


def test_half_to_even():
    assert round_ste(torch.tensor([0.5, 1.5, 2.5, -0.5])).tolist() == [0, 2, 2, 0]

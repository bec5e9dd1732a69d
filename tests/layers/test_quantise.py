"""Straight-through rounding: the value is torch's, the gradient is one where it should be."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from graph.neuron import Neuron
from layers.quantise import Quantiser, QuantiserBackend, clip_round, round_ste, to_grid

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
    assert torch.equal(Quantiser(Neuron(levels=levels), signed, 1)(x), y)


@given(floats, st.integers(0, 8))
def test_grid(x, bits):
    y = to_grid(x, bits)
    assert torch.equal(y * 2.0**bits, (y * 2.0**bits).round())
    assert (y - x).abs().max() <= 2.0 ** -(bits + 1)


def test_half_to_even():
    assert round_ste(torch.tensor([0.5, 1.5, 2.5, -0.5])).tolist() == [0, 2, 2, 0]


def test_a_quantiser_has_no_memory():
    """One step of it is the sequence of one, and several steps are refused."""
    quantiser = QuantiserBackend().neurons(Neuron(levels=3), True, 1)
    x, unit_step = 4 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), torch.tensor(0.7)
    counts, state = quantiser.step(x, quantiser.init_state(x), unit_step)
    assert torch.equal(counts, quantiser(x, unit_step)) and state.numel() == 1
    assert QuantiserBackend().refuses(Neuron(), False, 1) == ""
    assert QuantiserBackend().refuses(Neuron(), False, 4) == "a quantiser has one step, found 4"

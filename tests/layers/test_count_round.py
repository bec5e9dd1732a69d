"""The one-piece site equals the composition of division and clip-round: counts and both gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layers.quantise import clip_round, count_round


def pieces(x, step, levels, signed):
    return clip_round(x / step, levels, signed)


@given(st.integers(0, 10_000), st.sampled_from([1, 3, 4, 15]), st.booleans(), st.floats(0.05, 3))
def test_counts_and_gradients_equal_the_composition(seed, levels, signed, step):
    torch.manual_seed(seed)
    x = torch.randn(3, 5, 7) * levels * step
    found = []
    for form in (count_round, pieces):
        a, s = x.clone().requires_grad_(), torch.tensor(step).requires_grad_()
        y = form(a, s, levels, signed)
        y.backward(torch.linspace(-1, 1, y.numel()).reshape(y.shape))
        found.append((y.detach(), a.grad, s.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-5, atol=0)
    size = x.abs().sum() / step  # sums of this many counts, in another order
    assert abs(found[0][2] - found[1][2]) <= 1e-5 * size


@pytest.mark.parametrize("signed", [False, True])
def test_the_borders_of_the_clip_have_gradient(signed):
    low = -4.0 if signed else 0.0
    x = torch.tensor([low, 4.0, low - 0.01, 4.01], requires_grad=True)
    count_round(x, torch.tensor(1.0), 4, signed).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]

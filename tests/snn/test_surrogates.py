"""Surrogate gradients: the formulas, area one, and a step forward."""

from math import pi

import pytest
import torch

from snn.surrogates import SURROGATES, fire

ALPHAS = [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("name", sorted(SURROGATES))
@pytest.mark.parametrize("alpha", ALPHAS)
def test_area_is_one(name, alpha):
    x = torch.linspace(-100, 100, 400_001, dtype=torch.float64)
    bump = SURROGATES[name](x, alpha)
    tail = 2 * (0.5 - torch.atan(torch.tensor(pi / 2 * alpha * 100)).item() / pi) if name == "atan" else 0.0
    assert torch.trapezoid(bump, x).item() + tail == pytest.approx(1.0, abs=2e-3)
    assert bump.min() >= 0 and torch.allclose(bump, bump.flip(0))
    assert bump.argmax().item() == pytest.approx(200_000, abs=2100)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_formulas(alpha):
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)
    primitive = {
        "atan": (pi / 2 * alpha * x).atan() / pi + 0.5,
        "sigmoid": (alpha * x).sigmoid(),
    }
    for name, smooth in primitive.items():
        slope = torch.gradient(smooth, spacing=(x,))[0]
        assert torch.allclose(SURROGATES[name](x, alpha)[1:-1], slope[1:-1], atol=1e-2 * alpha)
    assert SURROGATES["triangle"](torch.tensor([0.0, 0.5 / alpha, 2 / alpha]), alpha).tolist() == [alpha, alpha / 2, 0]
    assert SURROGATES["rectangle"](torch.tensor([0.0, 0.4 / alpha, 0.6 / alpha]), alpha).tolist() == [alpha, alpha, 0]


@pytest.mark.parametrize("name", sorted(SURROGATES))
def test_forward_is_a_step_and_backward_the_bump(name):
    x = torch.tensor([-2.0, -0.1, -0.0, 0.0, 0.1, 2.0], requires_grad=True)
    y = fire(x, name, 2.0)
    assert y.tolist() == [0, 0, 1, 1, 1, 1]
    (grad,) = torch.autograd.grad((3 * y).sum(), x)
    assert torch.equal(grad, 3 * SURROGATES[name](x.detach(), 2.0))

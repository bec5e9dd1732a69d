"""The running mean of the weights."""

from __future__ import annotations

import torch
from torch import nn

from experiments.training.average import Average


def test_it_is_the_mean_that_its_docstring_says():
    module, decay = nn.Linear(2, 2), 0.75
    average = Average(module, decay)
    expected = module.weight.detach().clone()
    for value in (1.0, -2.0, 5.0):
        with torch.no_grad():
            module.weight.fill_(value)
        average.update()
        expected = decay * expected + (1 - decay) * value
    assert torch.allclose(average.means["weight"], expected)
    assert torch.equal(module.weight, torch.full((2, 2), 5.0))


def test_in_place_for_a_while_and_then_as_before():
    module = nn.Linear(2, 2)
    average = Average(module, 0.5)
    mean = module.weight.detach().clone()
    with torch.no_grad():
        module.weight.add_(1)
    now = module.weight.detach().clone()
    with average.in_place():
        assert torch.equal(module.weight, mean)
    assert torch.equal(module.weight, now)
    assert torch.equal(average.means["weight"], mean)


def test_it_is_saved_and_loaded():
    one, other = (Average(nn.Linear(3, 1), 0.5) for _ in range(2))
    other.load(one.state())
    assert all(torch.equal(one.means[name], other.means[name]) for name in one.means)

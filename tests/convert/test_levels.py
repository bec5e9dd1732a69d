"""Fewer levels after many: the range of every site stays, and so does what it stands for."""

from __future__ import annotations

from math import log2

import pytest
import torch

from ann import QANN
from convert.calibrate import calibrate
from convert.levels import sites_of, with_levels
from graph.lower import lower
from graph.neuron import Neuron
from graph.ops import Gate
from graph.passes import SpikeSpec, spikify


@pytest.fixture
def quantised(ann, plain, batch):
    def of(levels: int, calibrated: bool):
        module = lower(spikify(plain, SpikeSpec(neuron=Neuron(kind="ilif", levels=levels), steps=1)), QANN)
        module.load_state_dict(ann.state_dict(), strict=False)
        if calibrated:
            calibrate(ann, module, batch, 0.99)
        return module.eval()

    return of


def loaded(module, of):
    module.load_state_dict(with_levels(of.state_dict(), of.graph, module.graph))
    return module


def test_every_range_stays(quantised):
    fine = quantised(16, True)
    coarse = loaded(quantised(4, False), fine)
    assert sites_of(fine.graph).keys() == sites_of(coarse.graph).keys() != set()
    for name, site in sites_of(coarse.graph).items():
        step, before = (module.get_submodule(name).step.item() for module in (coarse, fine))
        assert step * 4 == pytest.approx(before * 16)
        assert site.learn or log2(step).is_integer()
        if isinstance(coarse.graph[name].op, Gate):
            assert step == 1 / 4


def test_it_stands_for_the_same(quantised, ann, batch):
    """Nearer to the ANN than steps that are not carried over."""
    fine = quantised(16, True)
    carried, plainly = loaded(quantised(8, False), fine), quantised(8, False)
    plainly.load_state_dict(fine.state_dict())
    with torch.no_grad():
        wanted = ann(**batch)["mask"]
        off = [float((module(**batch)["mask"] - wanted).abs().mean()) for module in (carried, plainly)]
    assert off[0] < 0.8 * off[1]


def test_the_same_levels_change_nothing(quantised):
    fine = quantised(4, True)
    state = with_levels(fine.state_dict(), fine.graph, fine.graph)
    assert all(torch.equal(value, state[name]) for name, value in fine.state_dict().items())


def test_a_step_that_would_be_no_power_of_two_is_refused(quantised):
    fine = quantised(8, True)
    with pytest.raises(ValueError, match="expected neuron.levels to be 8 times a power of two"):
        with_levels(fine.state_dict(), fine.graph, quantised(3, False).graph)

"""A step for each channel, moved into a norm and into weights: the same function of real values, better counts."""

import copy

import numpy as np
import pytest
import torch

from ann import ANN, QANN
from convert.calibrate import How, calibrate
from convert.equalise import SMALLEST, equalise, places, ratios
from graph.graph import Graph
from graph.lower import lower, observe
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Act, Conv, Input, Linear, Norm, View
from graph.passes import SpikeSpec, spikify
from tests.deployed_networks import FAMILIES


def small() -> Graph:
    """A site that a convolution in groups reads, one whose map is read as a row, and three that must stay."""
    g = Graph(name="channels")
    y = g("stem", Conv(cin=2, cout=4, bias=True), g("x", Input(dims=(2, 6, 6))))
    a = g("act_a", Act(), g("norm_a", Norm(channels=4), y))
    b = g("act_b", Act(), g("norm_b", Norm(channels=6), g("a", Conv(cin=4, cout=6, kernel=(3, 3), groups=2), a)))
    row = g("row", View(pattern="c h w -> 1 (c h w)"), b)
    g.output("out", g("b", Linear(cin=6 * 16, cout=3), row))
    shared = g("norm_c", Norm(channels=4), y)
    g.output("c", g("c", Conv(cin=4, cout=2), g("act_c", Act(), shared)))
    g.output("real", shared)
    twice = g("act_d", Act(), g("norm_d", Norm(channels=4), y))
    g.output("d", g("d", Conv(cin=4, cout=4), twice, weights="d"))
    g.output("e", g("e", Conv(cin=4, cout=4), y, weights="d"))
    g.output("f", g("f", Conv(cin=4, cout=2), g("act_f", Act(), y)))
    return g


@pytest.fixture
def ann():
    torch.manual_seed(0)
    network = lower(small(), ANN).eval()
    for name, x in network.state_dict().items():
        if "norm" in name and x.dtype.is_floating_point:
            x.uniform_(0.2, 3)
    return network


@pytest.fixture
def frames():
    return {"x": torch.randn(8, 2, 6, 6)}


def spiking(ann, levels=4):
    network = lower(spikify(ann.graph, SpikeSpec(neuron=Neuron(levels=levels))), QANN).eval()
    network.load_state_dict(ann.state_dict(), strict=False)
    return network


def values(network, frames):
    seen = {}
    observe(network, frames, lambda node, inputs, value: seen.__setitem__(node.name, value))
    return seen


def test_where(ann):
    wanted = {place.site: place for place in places(spiking(ann).graph)}
    assert set(wanted) == {"sites.act_a", "sites.act_b"}
    assert wanted["sites.act_a"].readers["a"].tolist() == [0, 1, 2, 3]
    assert wanted["sites.act_b"].readers["b"].tolist() == [c for c in range(6) for _ in range(16)]


def test_the_same_function(ann, frames):
    """Of a network whose sites are real again."""
    twin = copy.deepcopy(spiking(ann))
    ratio = {place.site: torch.rand(4 if "_a" in place.site else 6) + 0.1 for place in places(twin.graph)}
    equalise(twin, ratio)
    other = lower(ann.graph, ANN).eval()
    other.load_state_dict({name: twin.state_dict()[name] for name in ann.state_dict()})
    before, after = values(ann, frames), values(other, frames)
    torch.testing.assert_close(other(**frames), ann(**frames))
    torch.testing.assert_close(
        after["act_a"] * ratio["sites.act_a"].reshape(4, 1, 1), before["act_a"], msg="the site reads it divided"
    )
    assert not torch.allclose(after["act_a"], before["act_a"])


@pytest.mark.parametrize("axis", [0, -1])
def test_ratios(axis):
    x = torch.rand(5, 3, 7, 4) if axis == 0 else torch.rand(5, 28, 3)
    x.select(1 if axis == 0 else -1, 1).mul_(-4)
    x.select(1 if axis == 0 else -1, 2).zero_()
    r = ratios(x, axis, 0.9)
    rows = x.abs().movedim(1 if axis == 0 else -1, 0).flatten(1).numpy()
    assert r[1] == 1 and r[2] == SMALLEST
    assert r[0] == pytest.approx(np.quantile(rows[0], 0.9) / np.quantile(rows[1], 0.9), rel=1e-4)
    assert ratios(torch.zeros_like(x), axis, 0.9).tolist() == [1, 1, 1]


def test_a_small_channel_is_counted(ann, frames):
    """Channel 0, much smaller than the others: one step for all leaves it nearly silent."""
    ann.get_parameter("norm_a.weight").data[0] = 0.05
    ann.get_parameter("norm_a.bias").data[0] = 0.0
    ann.get_parameter("a.weight").data[:, 1] = 0
    ann.get_parameter("a.weight").data[3:] = 0  # what stays is read from channel 0
    one, each = spiking(ann), spiking(ann)
    calibrate(ann, one, frames, 0.99)
    calibrate(ann, each, frames, 0.99, How(channels=True))
    counts = [values(network, frames)["sites.act_a"][:, 0].sum() for network in (one, each)]
    assert counts[1] > 3 * counts[0]
    wanted = values(ann, frames)["a"]
    errors = [(values(network, frames)["a"] - wanted).norm() for network in (one, each)]
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_places(family):
    graph = spikify(build(family, "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4)))
    assert len(list(places(graph))) > 10

"""Rate coding: more steps, nearer to the clipped network that the counts stand for."""

import pytest
import torch

from ann import QANN
from convert.rate import rate_network
from graph.graph import Graph
from graph.lower import lower, observe
from graph.neuron import Neuron
from graph.ops import Act, Conv, Input, Norm
from graph.passes import SpikeSpec, spikify
from layers.site import SpikeSite
from snn import SNN


def tower() -> Graph:
    g = Graph(name="tower")
    y = g("x", Input(dims=(3, 8, 8)))
    for i in range(3):
        y = g(f"conv{i}", Conv(cin=3 if i == 0 else 8, cout=8, kernel=(3, 3), padding=1), y)
        y = g(f"act{i}", Act(ceiling=4.0), g(f"norm{i}", Norm(channels=8), y))
    g.output("y", g("last", Conv(cin=8, cout=2, bias=True), y))
    return g


@pytest.fixture
def integer(randomise):
    return randomise(lower(spikify(tower()), SNN))


def clipped(integer):
    """The limit of many steps: the same network with 4096 levels up to the same ceiling."""
    module = lower(spikify(tower(), SpikeSpec(neuron=Neuron(levels=4096))), QANN).eval()
    module.load_state_dict(integer.state_dict())
    for site in module.modules():
        if isinstance(site, SpikeSite):
            site.step.data.mul_(4 / 4096)
    return module


def test_error_shrinks_with_steps(integer):
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    wanted = clipped(integer)(x=x)["y"]
    errors = []
    for steps in (1, 4, 16, 64, 256):
        found = rate_network(tower(), integer, steps, norm="none", signed=True)(x=x)["y"]
        errors.append(((found - wanted).norm() / wanted.norm()).item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0] and errors[-1] < 0.05


def test_one_layer_of_as_many_steps_as_levels_is_the_integer_network(integer):
    """Constant current: round(T x / theta) spikes of D s / T each, which at T = D is the integer count."""
    x = torch.rand(4, 3, 8, 8)
    seen = []
    for module in (integer, rate_network(tower(), integer, 4, norm="none", signed=True)):
        values: dict[str, torch.Tensor] = {}
        observe(module, {"x": x}, lambda node, inputs, value, values=values: values.__setitem__(node.name, value))
        worth = module.counts()["sites.act0"]
        seen.append(worth * values["sites.act0"].unflatten(0, (-1, 4)).mean(0))
    assert (seen[0] - seen[1]).abs().gt(1e-5).float().mean() < 1e-3


def test_weights_are_taken_over_and_steps_scaled(integer):
    before = {k: v.clone() for k, v in integer.state_dict().items()}
    rate = rate_network(tower(), integer, 8, norm="none", signed=True)
    assert all(torch.equal(v, integer.state_dict()[k]) for k, v in before.items())
    for key, value in rate.state_dict().items():
        assert torch.allclose(value, before[key] * (4 if key.endswith(".step") else 1)), key
    assert rate.graph.steps == 8 and not rate.training


def test_on_the_model(plain, taken_over, batch):
    integer = taken_over(SpikeSpec(), SNN)
    wanted = integer(**batch)["mask"]
    rate = rate_network(plain, integer, 4, norm="none", signed=True)
    assert rate(**batch)["mask"].shape == wanted.shape
    for name, node in rate.graph.nodes.items():
        if site := getattr(node.op, "site", None):
            assert site.levels == 1, name

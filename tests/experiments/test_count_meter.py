"""What the rate penalty pulls down is what the accountant charges: counts weighted by the MACs that they drive."""

from __future__ import annotations

import pytest
import torch

from experiments.training.counts import CountMeter
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, driven_macs, spikify
from layers.site import SpikeSite
from snn import SNN


@pytest.fixture(scope="module")
def spiking():
    torch.manual_seed(0)
    graph = spikify(build("miavs", "tiny").pruned(["mask"]))
    return graph, lower(graph, SNN)


def test_all_weighted_macs_but_the_input_layers_are_driven(spiking):
    graph, _ = spiking
    weighted = sum(graph.macs(n) for n in graph.nodes.values() if n.op.weighted)
    inputs = sum(graph.macs(graph[n]) for n in ("backbone.stem", "audio.features.0.0"))
    assert sum(driven_macs(graph).values()) == weighted - inputs


def test_meter_is_the_weighted_mean_and_has_a_gradient(spiking):
    graph, module = spiking
    meter, means = CountMeter(module, penalised=True), {}
    for name, site in module.named_modules():
        if isinstance(site, SpikeSite):
            site.register_forward_hook(
                lambda m, i, o, name=name: means.__setitem__(name, float(o.detach().abs().mean()))
            )
    module.train()(image=torch.randn(2, 3, 64, 64), logmel=torch.randn(2, 1, 96, 64))
    found = meter.take()
    driven = driven_macs(graph)
    assert float(found.detach()) == pytest.approx(
        sum(means[s] * m for s, m in driven.items()) / sum(driven.values()), rel=1e-5
    )
    found.backward()
    assert float(module.get_submodule("backbone.stage1.0.norm1").bias.grad.abs().sum()) > 0
    assert meter.take() is None
    module.eval()(image=torch.randn(2, 3, 64, 64), logmel=torch.randn(2, 1, 96, 64))
    assert meter.take() is None


def test_counts_of_all_steps_are_added_up():
    """T steps of rate r count as T r: the meter is T times the mean of what its sites put out."""
    torch.manual_seed(0)
    lif = Neuron(kind="lif", levels=1)
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=lif, steps=3, signed=False))
    module, means = lower(graph, SNN), {}
    meter = CountMeter(module, penalised=False)
    for name in driven_macs(graph):
        module.get_submodule(name).register_forward_hook(
            lambda m, i, o, name=name: means.__setitem__(name, float(o.detach().abs().mean()))
        )
    module.train()(image=torch.randn(2, 3, 32, 32), logmel=torch.randn(2, 1, 96, 64))
    driven = driven_macs(graph)
    mean = sum(means[s] * m for s, m in driven.items()) / sum(driven.values())
    assert mean > 0 and float(meter.take()) == pytest.approx(3 * mean, rel=1e-5)

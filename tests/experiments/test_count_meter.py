"""What the rate penalty pulls down is what the accountant charges: counts weighted by the MACs that they drive."""

from __future__ import annotations

import math

import pytest
import torch

from experiments.training.counts import CountMeter
from graph.infer import infer
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.ops import DeformSample, Firing, MatMul, Mul
from graph.passes import SpikeSpec, driven_macs, spikify
from graph.values import counts_site
from layers.site import SpikeSite
from snn import SNN


@pytest.fixture(scope="module")
def spiking():
    torch.manual_seed(0)
    graph = spikify(build("miavs", "tiny").pruned(["mask"]))
    return graph, lower(graph, SNN)


@pytest.mark.parametrize("steps", [1, 4])
def test_every_site_drives_what_reads_it(steps):
    """All weighted MACs but those of the input layers once; those of a product of counts twice, by either operand; a
    sampling's by its values and its weights; a gate's product by the gate."""
    neuron = Neuron() if steps == 1 else Neuron(kind="lif", levels=1)
    graph = spikify(build("miavs", "tiny").pruned(["mask"]), SpikeSpec(neuron=neuron, steps=steps))
    driven, values = driven_macs(graph), infer(graph)
    macs = {"weighted": 0, "product": 0, "gate": 0}
    sites = {n.name for n in graph.nodes.values() if isinstance(n.op, Firing) and n.op.site}
    assert driven.keys() == sites and all(driven.values())
    for node in graph.nodes.values():
        spiking = sum(counts_site(values[a].kind) is not None for a in node.args)
        if node.op.weighted and node.name not in ("backbone.stem", "audio.features.0.0"):
            macs["weighted"] += graph.macs(node)
        elif isinstance(node.op, MatMul | DeformSample):
            macs["product"] += graph.macs(node) * spiking
        elif isinstance(node.op, Mul):
            macs["gate"] += math.prod(node.shape) * spiking
    assert sum(driven.values()) == sum(macs.values()) and all(macs.values())


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

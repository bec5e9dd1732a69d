"""The compiled kernel's own counter of additions and the accountant give the same integers, on lowered networks."""

from __future__ import annotations

import pytest
import torch

from convert.fold import fold_network
from energy.account import account
from graph.infer import infer
from graph.lower import lower, observe
from graph.models import build
from graph.neuron import Neuron
from graph.ops import DeformSample
from graph.passes import SpikeSpec, spikify
from graph.values import counts_site, magnitude
from kernels.selection import selection
from layers.deform_kernel import deform_additions
from layers.site import SpikeSite
from snn import SNN

BINARY = SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4, norm="batch", signed=False)


@pytest.mark.skipif(not selection("cpu").compiled, reason="there is no C++ compiler")
@pytest.mark.parametrize("spec", [SpikeSpec(), BINARY], ids=["ilif", "lif"])
@pytest.mark.parametrize("family", ["miavs", "avsegformer"])
def test_additions_of_deformable_sampling(family, spec):
    torch.manual_seed(0)
    network = lower(spikify(build(family, "micro").pruned(["mask"]), spec), SNN).eval()
    for site in network.modules():
        if isinstance(site, SpikeSite):
            site.step.data.fill_(0.25)
    deployed = fold_network(network)
    random = torch.Generator().manual_seed(1)
    batch = {
        "image": torch.randn(2, 3, 32, 32, generator=random),
        "logmel": torch.randn(2, 1, 96, 64, generator=random),
    }
    kinds, additions = infer(deployed.graph), {}

    def see(node, inputs, value):
        if not isinstance(node.op, DeformSample):
            return
        kind = kinds[node.args[0]].kind
        spike = counts_site(kind)
        assert spike is not None and deployed.kernels()[node.name] == "deform_sample_spikes"
        each = deform_additions(*inputs, node.op.levels, most=magnitude(kind), signed=spike.signed, unary=True)
        additions[node.name] = int(each.sum())

    observe(deployed, batch, see)
    counted = {
        row.name: row.counts.sum("ac_int") for row in account(deployed, [batch]).rows if row.op == "DeformSample"
    }
    assert additions == counted and sum(counted.values()) > 0

"""``rate``: the same network with plain IF neurons over T steps; accuracy against T, without further training.

An integer site with step s and D levels represents up to D s. Its IF neuron fires spikes of that value, theta = D s,
from a membrane that starts at theta / 2, so that T steps of a constant current give round(T x / theta) spikes.
"""

from __future__ import annotations

from typing import Literal

import torch

from convert.levels import sites_of
from graph.graph import Graph
from graph.lower import Network, lower
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from layers.site import SpikeSite
from snn import SNN


@torch.no_grad()
def rate_network(ann: Graph, integer: Network, steps: int, *, norm: Literal["none", "batch"], signed: bool) -> Network:
    """``ann``: the real-valued graph. ``integer``: its trained I-LIF network (not folded), whose weights it takes."""
    neuron = Neuron(kind="if", levels=1, v_init=0.5)
    graph = spikify(ann, SpikeSpec(neuron=neuron, steps=steps, norm=norm, signed=signed))
    network: Network = lower(graph, SNN)
    state = integer.state_dict()
    network.load_state_dict({k: state[k] for k in network.state_dict()})
    levels = {name: site.levels for name, site in sites_of(integer.graph).items()}
    for name, module in network.named_modules():
        if isinstance(module, SpikeSite):
            module.step.mul_(levels[name])
    return network.eval()

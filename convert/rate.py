"""``rate``: the same network with plain IF neurons over T steps; accuracy against T, without further training.

An integer site with step s and D levels represents up to D s. Its IF neuron fires spikes of that value, theta = D s,
from a membrane that starts at theta / 2, so that T steps of a constant current give round(T x / theta) spikes.
"""

from __future__ import annotations

import torch
from torch import fx

from graph.graph import Graph
from graph.lower import lower, source_of
from graph.ops import Firing
from graph.passes import SpikeSpec, spikify
from layers.site import SpikeSite
from snn import SNN, NeuronSpec


@torch.no_grad()
def rate_network(ann: Graph, integer: fx.GraphModule, steps: int, *, norm: str, signed: bool) -> fx.GraphModule:
    """``ann``: the real-valued graph. ``integer``: its trained I-LIF network (not folded), whose weights it takes."""
    graph = spikify(ann, SpikeSpec(levels=1, steps=steps, norm=norm, signed=signed))
    made = lower(graph, SNN(NeuronSpec(kind="if", steps=steps, levels=1, v_init=0.5)))
    state = integer.state_dict()
    made.load_state_dict({k: state[k] for k in made.state_dict()})
    levels = {
        n: v.op.site.levels
        for n, v in source_of(integer).nodes.items()
        if isinstance(v.op, Firing) and v.op.site is not None
    }
    for name, module in made.named_modules():
        if isinstance(module, SpikeSite):
            module.step.mul_(levels[name])
    return made.eval()

"""``driven_macs``: site -> dense MACs that its spikes stand in for, over all weighted ops that read them.

The mean count of each site, weighted by this, is the network's mean count per MAC: the number that the energy of its
synaptic events is proportional to.
"""

from __future__ import annotations

from graph.graph import Graph
from graph.infer import frame_macs, infer
from graph.values import Spike


def driven_macs(graph: Graph) -> dict[str, int]:
    values, macs = infer(graph), frame_macs(graph)
    driven: dict[str, int] = {}
    for node in graph.nodes.values():
        kind = values[node.args[0]].kind if node.op.weighted else None
        if isinstance(kind, Spike):
            driven[kind.site] = driven.get(kind.site, 0) + macs[node.name]
    return driven

"""``driven_macs``: site -> dense MACs that its spikes stand in for, over all weighted ops and products that read them.

The mean count of each site, weighted by this, is the network's mean count per MAC: the number that the energy of its
synaptic events is proportional to. A product of two values of counts is driven by both. A gate's elementwise product
has no MAC; its multiplies stand in for them.
"""

from __future__ import annotations

from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.ops import Scale
from graph.values import counts_site


def driven_macs(graph: Graph) -> dict[str, int]:
    values = infer(graph)
    driven: dict[str, int] = {}
    for node in graph.nodes.values():
        if not (node.op.weighted or node.op.product):
            continue
        work = _work(graph, node, values[node.name])
        for arg in node.args:
            spikes = counts_site(values[_stored(graph, arg)].kind)
            if spikes is not None:
                driven[spikes.site] = driven.get(spikes.site, 0) + work
    return driven


def _work(graph: Graph, node: Node, value: Value) -> int:
    """Of one step, and a frame's share of a clip."""
    whole = graph.macs(node) or node.op.multiplies(node.shape, *graph.inputs(node))
    return whole // max(value.frames, 1)


def _stored(graph: Graph, name: str) -> str:
    """The counts themselves, where a ``Scale`` shifts them on their way to a reader."""
    return graph[name].args[0] if isinstance(graph[name].op, Scale) else name

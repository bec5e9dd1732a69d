"""``driven_macs``: site -> dense MACs that its spikes stand in for, over all weighted ops and products that read them.

The mean count of each site, weighted by this, is the network's mean count per MAC: the number that the energy of its
synaptic events is proportional to. A product of two values of counts is driven by both. A gate's elementwise product
has no MAC; its multiplies stand in for them. ``takes_changes``: which sums can follow what drives them.
"""

from __future__ import annotations

from collections.abc import Mapping

from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.ops import Input, Scale
from graph.values import Spike, counts_site


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


def takes_changes(graph: Graph, node: Node, values: Mapping[str, Value]) -> bool:
    """Is it a weighted op whose sum can follow its input change by change, exactly: of counts, or of an input on a
    grid? (`events.stream`; what reads other reals is computed again.)"""
    if not node.op.weighted:
        return False
    source = graph[node.args[0]].op
    return isinstance(values[node.args[0]].kind, Spike) or (isinstance(source, Input) and source.grid > 0)


def _work(graph: Graph, node: Node, value: Value) -> int:
    """Of one step, and a frame's share of a clip."""
    whole = graph.macs(node) or node.op.multiplies(node.shape, *graph.inputs(node))
    return whole // max(value.frames, 1)


def _stored(graph: Graph, name: str) -> str:
    """The counts themselves, where a ``Scale`` shifts them on their way to a reader."""
    return graph[name].args[0] if isinstance(graph[name].op, Scale) else name

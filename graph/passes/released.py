"""``released``: MI-AVS's published spiking network, exactly: an integer neuron in its places only, the rest real.

Every activation and the gate become y = round(clip(x, 0, 4)) / 4, the attention weights of the image backbone shares
of such counts (n / sum n, real again); attention elsewhere, the deformable sampling and all that reads a norm's output
stay real. The norms in front of the neurons belong to the network itself: build it from the spec "released".
"""

from __future__ import annotations

from dataclasses import replace

from graph.graph import Graph, empty_like
from graph.neuron import Neuron
from graph.ops import Act, Gate, Op, Score, Site
from graph.passes.spikify import PREFIX
from graph.passes.units import with_units

NEURON = Neuron(levels=4)
ATTENDING_IN_COUNTS = "backbone."


def _neuron(name: str, op: Act | Gate, channels: int) -> Act:
    """Threshold 1 for a count, and a value of 1 / 4 for each."""
    site = Site(name=f"{PREFIX}{name}", neuron=NEURON, learn=False, channels=channels, axis=op.axis)
    return Act(fn="relu", axis=op.axis, scale=1 / NEURON.levels, site=site)


def released(graph: Graph) -> Graph:
    out = empty_like(graph)
    alias: dict[str, str] = {}
    for name, node in graph.nodes.items():
        op: Op = node.op
        placed = name
        if isinstance(op, Act | Gate):
            placed, op = f"{PREFIX}{name}", _neuron(name, op, node.shape[op.axis])
        elif isinstance(op, Score) and name.startswith(ATTENDING_IN_COUNTS):
            op = replace(op, fn="share", ceiling=float(NEURON.levels))
        weights = node.weights if node.weights != name else None
        alias[name] = out(placed, op, *(alias[a] for a in node.args), weights=weights)
    out.outputs = {key: alias[value] for key, value in graph.outputs.items()}
    return with_units(out)

"""``python -m graph miavs --spec tiny``: print a family's nodes, shapes, kinds, MACs and parameters.

``--levels D [--steps T] [--score linear]`` prints it as ``spikify`` rewrites it, with the lint's list of what still
multiplies; with ``--training`` as it is trained, before norms and steps are folded. ``--released`` as MI-AVS's
published spiking network has it (``miavs --spec released``). ``--brief`` leaves the nodes out; ``--lowered`` adds which
compiled kernel each node gets on this machine, or why it gets none.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ann import ANN
from common.choices import choices
from graph.graph import Graph
from graph.lower import lower
from graph.models import FAMILIES, MODELS, build, spec_of
from graph.neuron import Neuron
from graph.passes import SpikeSpec, cost, fold, lint, released, spikify
from graph.show import kernel_table
from snn import SNN


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m graph", description="Print a network of the toolkit.", allow_abbrev=False
    )
    parser.add_argument("model", help=", ".join(MODELS))
    specs = "; ".join(f"{name}: {', '.join(family.specs)}" for name, family in FAMILIES.items())
    parser.add_argument("--spec", default="tiny", help=specs)
    parser.add_argument("--levels", type=int, default=0, help="print it spiking, with counts up to this")
    parser.add_argument("--steps", type=int, default=1, help="time steps of the neurons")
    parser.add_argument("--neuron", default="", choices=choices(Neuron)["kind"], help="default: ilif, binary ones lif")
    parser.add_argument("--score", default="count", choices=choices(SpikeSpec)["score"], help="attention of spikes")
    parser.add_argument("--norm", default="none", choices=choices(SpikeSpec)["norm"], help="in front of identity sites")
    parser.add_argument("--unsigned", action="store_true", help="no site fires negative counts")
    parser.add_argument("--training", action="store_true", help="as it is trained: nothing is folded")
    parser.add_argument("--lowered", action="store_true", help="which compiled kernel each node gets, or why none")
    parser.add_argument("--released", action="store_true", help="neurons where MI-AVS published them, and nowhere else")
    parser.add_argument("--image", type=int, default=0, help="pixels of a side, if not the spec's")
    parser.add_argument("--backbone", default="", help="another image network than the spec's")
    parser.add_argument("--brief", action="store_true", help="totals and lint only")
    options = parser.parse_args()
    try:
        changes = {k: v for k, v in (("image", options.image), ("backbone", options.backbone)) if v}
        graph = build(options.model, spec_of(options.model, options.spec, **changes)).pruned(["mask"])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        graph = _form(graph, options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(cost(graph) if options.brief else graph)
    spiking = options.released or bool(options.levels)
    if options.lowered:
        print(kernel_table(lower(graph, SNN if spiking else ANN).kernels()))
    if spiking:
        print(lint(graph))
    return 0


def _form(graph: Graph, options: argparse.Namespace) -> Graph:
    if options.released:
        return released(graph)
    if not options.levels:
        return graph
    kind: Any = options.neuron or ("ilif" if options.levels > 1 or options.steps == 1 else "lif")
    spikes = SpikeSpec(
        neuron=Neuron(kind=kind, levels=options.levels),
        steps=options.steps,
        score=options.score,
        norm=options.norm,
        signed=not options.unsigned,
    )
    spiking = spikify(graph, spikes)
    return spiking if options.training else fold(spiking)[0]


if __name__ == "__main__":
    sys.exit(main())

"""``python -m graph miavs --spec tiny``: print a family's nodes, shapes, kinds, MACs and parameters.

``--levels D [--steps T] [--score linear]`` prints it as ``spikify`` rewrites it, with the lint's list of what still
multiplies; ``--released`` as MI-AVS's published spiking network has it (``miavs --spec released``). ``--brief`` leaves
the nodes out.
"""

from __future__ import annotations

import argparse
import sys

from graph.models import FAMILIES, MODELS, build, spec_of
from graph.passes import SpikeSpec, cost, fold, lint, released, spikify


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m graph", description="Print a network of the toolkit.", allow_abbrev=False
    )
    parser.add_argument("model", help=", ".join(MODELS))
    specs = "; ".join(f"{name}: {', '.join(family.specs)}" for name, family in FAMILIES.items())
    parser.add_argument("--spec", default="tiny", help=specs)
    parser.add_argument("--levels", type=int, default=0, help="print it spiking, with counts up to this")
    parser.add_argument("--steps", type=int, default=1, help="time steps of the neurons")
    parser.add_argument("--score", default="count", choices=("count", "linear"), help="attention between spikes")
    parser.add_argument("--released", action="store_true", help="neurons where MI-AVS published them, and nowhere else")
    parser.add_argument("--image", type=int, default=0, help="pixels of a side, if not the spec's")
    parser.add_argument("--backbone", default="", help="another image network than the spec's")
    parser.add_argument("--brief", action="store_true", help="totals and lint only")
    chosen = parser.parse_args()
    try:
        changes = {k: v for k, v in (("image", chosen.image), ("backbone", chosen.backbone)) if v}
        graph = build(chosen.model, spec_of(chosen.model, chosen.spec, **changes)).pruned(["mask"])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if chosen.released:
        graph = released(graph)
    elif chosen.levels:
        graph, _ = fold(spikify(graph, SpikeSpec(levels=chosen.levels, steps=chosen.steps, score=chosen.score)))
    print(cost(graph) if chosen.brief else graph)
    if chosen.released or chosen.levels:
        print(lint(graph))
    return 0


if __name__ == "__main__":
    sys.exit(main())

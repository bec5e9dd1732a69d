"""``python -m graph miavs --spec tiny``: print a family's nodes, shapes, kinds, MACs and parameters.

``--levels D [--steps T]`` prints it as ``spikify`` rewrites it, with the lint's list of what still multiplies.
"""

from __future__ import annotations

import argparse
import sys

from graph.models import FAMILIES, MODELS, build
from graph.passes import SpikeSpec, fold, lint, spikify


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m graph", description="Print a network of the toolkit.", allow_abbrev=False
    )
    parser.add_argument("model", help=", ".join(MODELS))
    specs = "; ".join(f"{name}: {', '.join(family.specs)}" for name, family in FAMILIES.items())
    parser.add_argument("--spec", default="tiny", help=specs)
    parser.add_argument("--levels", type=int, default=0, help="print it spiking, with counts up to this")
    parser.add_argument("--steps", type=int, default=1, help="time steps of the neurons")
    chosen = parser.parse_args()
    try:
        graph = build(chosen.model, chosen.spec)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not chosen.levels:
        print(graph)
        return 0
    graph, _ = fold(spikify(graph.pruned(["mask"]), SpikeSpec(levels=chosen.levels, steps=chosen.steps)))
    print(graph)
    print(lint(graph))
    return 0


if __name__ == "__main__":
    sys.exit(main())

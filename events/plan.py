"""``Plan``: what the quick stream knows of a node before any frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.lower import Network
from graph.ops import Act, Add, Conv, Gate, Linear, Mul, Scale, Score
from graph.passes import takes_changes

DENSE, DENSE_ROWS = 0.5, 0.25  # where more of the places changed, the whole is quicker; and of a linear layer's rows
PER_PLACE = (Act, Gate, Score, Add, Mul, Scale)
NOT_LOOKED_AT = (Add, Mul, Scale, Conv, Linear)
EXACT = ("relu", "identity", "hard")  # the bits of other functions depend on where in memory their input lies


@dataclass(frozen=True)
class Plan:
    """``compute``: its value from those of ``args``, as the network does it. ``part``: how a part of it is computed:
    "box", of a convolution, "rows", of a linear layer, "places", one element each; "": only as a whole. ``dense``: the
    share from which on the whole is quicker; ``looked_at``: whether what comes out is compared with what was."""

    node: Node
    args: tuple[str, ...]
    compute: Callable[[list[Tensor]], Tensor]
    part: str
    dense: float
    looked_at: bool


def part_of_node(graph: Graph, node: Node, values: Mapping[str, Value]) -> str:
    op, rank, site = node.op, len(node.shape), getattr(node.op, "site", None)
    if op.weighted:
        # Sums of numbers off the grid have other bits in another order.
        if not takes_changes(graph, node, values):
            return ""
        return "box" if isinstance(op, Conv) else "rows" if isinstance(op, Linear) and rank == 2 else ""
    if not isinstance(op, PER_PLACE) or rank not in (2, 3) or (site is None and getattr(op, "fn", "relu") not in EXACT):
        return ""
    # A place holds all channels, so these may not lie along another axis.
    return "places" if site is None or (site.axis == 0) == (rank == 3) else ""


def plan_of(network: Network) -> dict[str, Plan]:
    graph, values = network.graph, infer(network.graph)
    plans = {}
    for name, node in graph.nodes.items():
        dense, looked_at = DENSE_ROWS if isinstance(node.op, Linear) else DENSE, not isinstance(node.op, NOT_LOOKED_AT)
        part = part_of_node(graph, node, values)
        plans[name] = Plan(node, network.arguments(node), network.prepared(node), part, dense, looked_at)
    return plans

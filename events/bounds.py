"""Can a sum ever leave the range where fp32 is exact? From weights and the range of counts, never from frames seen.

While changes arrive, a synapse's count goes from n_(t-1) to n_t and stays in [-D, D], so a sum is always that of *some*
counts in range, whatever mix of two frames they are:

    |y_o| <= |b_o| + D sum_i |w_oi| u       (an input layer: its largest value instead of D)

It is exact in any order while that is below 2**24 of the finest grid step in it. A product's bound is its kind's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.meaning import tables_of
from graph.ops import Array, Input
from graph.passes import takes_changes
from graph.values import Integer, Spike

EXACT = 2**24
FINEST = 40
LARGEST = 4.0  # of an input on a grid: a pixel (2) or a log-mel (4), as networks read them


def fractional_bits(x: Array) -> int:
    """The fewest that hold every number of x exactly."""
    y = np.abs(x.astype(np.float64)).ravel()
    for bits in range(FINEST + 1):
        if np.array_equal(y, np.round(y)):
            return bits
        y = y * 2
    return FINEST + 1


def largest_sum(node: Node, arrays: Mapping[str, Array], most: float, bits: int) -> float:
    """Of a weighted op whose inputs are multiples of 2**-bits, at most ``most``; as a share of what is exact."""
    tables = tables_of(node, arrays, 1)
    weight = tables["weight"].astype(np.float64) * tables["unit"]
    bias = tables.get("bias", np.zeros(1)).astype(np.float64)
    sums = np.abs(bias) + most * np.abs(weight).reshape(len(weight), -1).sum(1)
    finest = max(fractional_bits(weight) + bits, fractional_bits(bias))
    return float(sums.max()) * 2.0**finest / EXACT


def bounds(graph: Graph, arrays: Mapping[str, Array], largest: float) -> dict[str, float]:
    """Node -> the largest sum that it could form, as a share of 2**24 grid steps; ``largest``: of |inputs|."""
    values, shares = infer(graph), dict[str, float]()
    for name, node in graph.nodes.items():
        share = _bound(graph, node, values, arrays, largest)
        if share is not None:
            shares[name] = share
    return shares


def _bound(
    graph: Graph, node: Node, values: Mapping[str, Value], arrays: Mapping[str, Array], largest: float
) -> float | None:
    kind = values[node.name].kind
    if node.op.product and isinstance(kind, Integer):
        return kind.bound / EXACT
    if not takes_changes(graph, node, values):
        return None
    read, source = values[node.args[0]].kind, graph[node.args[0]].op
    if isinstance(read, Spike):
        return largest_sum(node, arrays, read.levels, 0)
    assert isinstance(source, Input)
    return largest_sum(node, arrays, largest, source.grid)


def require_bounds(graph: Graph, arrays: Mapping[str, Array], largest: float) -> None:
    for name, share in bounds(graph, arrays, largest).items():
        if share >= 1:
            raise ValueError(
                f"'{name}' could form a sum of {share:.2f} times 2**24 grid steps, expected less than 1 for an exact "
                "stream; use fewer fractional bits (--exact.bits)"
            )

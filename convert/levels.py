"""From D levels to fewer: the same range in coarser steps, so that a network trained with many goes on with few.

    step' = step D / D'

Quantisation that grows coarser in stages loses less than one that begins coarse (Zhuang et al., CVPR 2018). Steps that
no weight absorbs are powers of two, and stay so: there D / D' must be one.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

from torch import Tensor

from graph.graph import Graph
from graph.ops import Firing, Site


def sites_of(graph: Graph) -> dict[str, Site]:
    """By the name of the node."""
    ops = {name: node.op for name, node in graph.nodes.items()}
    return {name: op.site for name, op in ops.items() if isinstance(op, Firing) and op.site is not None}


def with_levels(state: Mapping[str, Tensor], before: Graph, after: Graph) -> dict[str, Tensor]:
    """The weights of a network of graph ``before`` for one of graph ``after``."""
    earlier, changed = sites_of(before), dict(state)
    for name, site in sites_of(after).items():
        old = earlier.get(name)
        if old is None or old.levels == site.levels:
            continue
        ratio = old.levels / site.levels
        if not site.learn and not log2(ratio).is_integer():
            raise ValueError(
                f"its site '{name}' counts to {old.levels} in steps of a power of two, which cannot become "
                f"{site.levels} levels, expected neuron.levels to be {old.levels} times a power of two"
            )
        changed[f"{name}.step"] = state[f"{name}.step"] * ratio
    return changed

"""A whole graph by the meanings of its ops, in numpy: slow, plain, and the judge of every quicker way to run it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from graph.graph import Graph, Node
from graph.ops import Array, Input, Param, Scaled
from graph.values import Unit


def unit_value(unit: Unit, arrays: Mapping[str, Array]) -> float:
    """The number that a unit is, once the steps of its sites are known."""
    return unit.factor * prod(float(arrays[f"{site}.step"]) for site in unit.sites)


def tables_of(node: Node, arrays: Mapping[str, Array], steps: int) -> dict[str, Any]:
    """What a node's ``meaning`` is given beside its inputs. ``arrays``: a state dict's keys and numbers."""
    op = node.op
    if isinstance(op, Param):
        return {"value": arrays[node.weights]}
    prefix = f"{node.weights}."
    more: dict[str, Any] = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    if isinstance(op, Scaled):
        more["unit"] = unit_value(op.unit, arrays)
    if op.timed:
        more["steps"] = steps
    return more


def evaluate(graph: Graph, arrays: Mapping[str, Array], inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Node -> its value [rows, ...], from inputs [B, ...]."""
    values: dict[str, Array] = {}
    for node in graph.nodes.values():
        handed_in = isinstance(node.op, Input)
        args = [np.asarray(inputs[node.name], np.float32)] if handed_in else [values[a] for a in node.args]
        values[node.name] = node.op.meaning(*args, **tables_of(node, arrays, graph.steps))
    return values

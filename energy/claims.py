"""What a value counts: the unit of its spikes, and the check that it really holds spikes.

A value of kind ``Spike`` must be n x unit with n an integer in [0, D] ([-D, D] if signed) and unit the one
number that belongs to the site which fired. Decoded over T steps it is n x unit / T with |n| <= T D.
"""

from __future__ import annotations

from torch import Tensor, float64, fx
from torch import finfo as float_info

from graph.graph import Graph
from graph.infer import Value
from graph.ops import (
    Concat,
    Decode,
    Downsample,
    Drop,
    Expand,
    Fold,
    Output,
    Pad,
    Pool,
    Resize,
    Slice,
    Unfold,
    Upsample,
    View,
)
from graph.values import Spike

LAYOUT = (Concat, Downsample, Drop, Expand, Fold, Output, Pad, Pool, Resize, Slice, Unfold, Upsample, View)


def site_unit(module: fx.GraphModule, graph: Graph, site: str) -> float:
    """The value of one count: the site's step, times the power of two of a score."""
    made = module.get_submodule(graph[site].weights)
    step = made.step
    assert isinstance(step, Tensor)
    return float(step.detach() * getattr(made, "scale", 1.0))


def trace(graph: Graph, values: dict[str, Value], name: str) -> tuple[Spike, int] | None:
    """The spikes that a value holds and the steps they were averaged over, or None if it holds sums or
    reals."""
    node, kind = graph[name], values[name].kind
    if isinstance(kind, Spike):
        return kind, 1
    if isinstance(node.op, Decode):
        before = values[node.args[0]].kind
        return (before, node.op.steps) if isinstance(before, Spike) else None
    moves = isinstance(node.op, LAYOUT) and getattr(node.op, "fn", "max") == "max"
    if not moves or getattr(node.op, "mode", "nearest") != "nearest":
        return None
    read = node.args[:1] if isinstance(node.op, Expand) else node.args
    found = {trace(graph, values, a) for a in read}
    return found.pop() if len(found) == 1 else None


def counts(value: Tensor, unit: float, levels: int, signed: bool, node: str) -> Tensor:
    """n = value / unit in float64, checked; an untrue claim is an error that names the node."""
    exact = value.detach().to(float64) / unit
    n = exact.round()
    slack = 4 * float_info(value.dtype).eps * levels if value.is_floating_point() else 0.0
    off = (exact - n).abs().max().item() if n.numel() else 0.0
    if not off <= slack:
        worst = value.flatten()[(exact - n).abs().flatten().argmax()].item()
        raise ValueError(f"node '{node}' claims spikes, but holds {worst:.6g}, not an integer multiple of {unit:.6g}")
    low, high = (int(n.min()), int(n.max())) if n.numel() else (0, 0)
    if low < (-levels if signed else 0) or high > levels:
        expected = f"[{-levels if signed else 0}, {levels}]"
        raise ValueError(f"node '{node}' claims spikes in {expected}, but holds counts from {low} to {high}")
    return n

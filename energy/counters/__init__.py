"""``COUNTERS``: for every op type that computes, the function that counts what one execution of it costs."""

from __future__ import annotations

from collections.abc import Callable

from energy.columns import Counts
from energy.counters import codebook, deform, elementwise, neurons, products, weighted
from energy.observe import Seen
from graph import ops
from graph.values import Clock

COUNTERS: dict[type[ops.Op], Callable[[Seen], Counts]] = {
    ops.Conv: weighted.synapses,
    ops.Linear: weighted.synapses,
    ops.MatMul: products.matmul,
    ops.DeformSample: deform.sampling,
    ops.Codebook: codebook.nearest,
    ops.SquaredError: codebook.squared_error,
    ops.Act: neurons.act,
    ops.Gate: neurons.gate,
    ops.Score: neurons.score,
    ops.Mask: elementwise.compare,
    ops.Norm: elementwise.norm,
    ops.LayerScale: elementwise.multiply,
    ops.Affine: elementwise.affine,
    ops.Add: elementwise.add,
    ops.Mul: elementwise.multiply,
    ops.Reduce: elementwise.reduce,
    ops.Pool: elementwise.pool,
    ops.Upsample: elementwise.upsample,
    ops.Downsample: elementwise.downsample,
    ops.Quantize: elementwise.compare,
    ops.Decode: elementwise.decode,
    ops.Scale: elementwise.nothing,
    ops.Input: elementwise.nothing,
    ops.Param: elementwise.nothing,
    ops.Const: elementwise.nothing,
}


def counter(node: str, op: ops.Op) -> Callable[[Seen], Counts]:
    """The op's row; what only moves values needs none."""
    if type(op) in COUNTERS:
        return COUNTERS[type(op)]
    if op.moves and not op.chooses:
        return elementwise.nothing
    raise ValueError(f"node '{node}': op '{type(op).__name__}' has no energy counter; add one to energy.counters")


def count(seen: Seen) -> Counts:
    """Static values are computed once, when a network is loaded, so a frame pays nothing for them."""
    counted = counter(seen.node.name, seen.op)
    static = seen.run.values[seen.node.name].clock == Clock.STATIC
    return Counts() if static else counted(seen)


__all__ = ["COUNTERS", "count", "counter"]

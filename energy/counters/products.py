"""``MatMul``: y = scale * a b, a [..., M, K], b [..., K, N].

Two values of counts have a static driver; all three readings are kept and the largest is ``ac_int``:

    stationary            sum_k sum_i |a_ik| N             a drives reads of all of the stored b
    stationary, skipping  sum_k sum_i |a_ik| nnz_j(b_kj)   ... of its nonzeros
    pair                  sum_k (sum_i |a_ik|)(sum_j |b_kj|)

Counts against stored sums (the K^T V of linear attention): the counts drive, and read all N of them. Two
values of sums: dense integer MACs. A real operand: dense MACs. A scale that is no power of two: one
multiply for each output.
"""

from __future__ import annotations

from math import frexp

import numpy as np
from torch import Tensor

from energy.columns import Counts
from energy.counters.traffic import moved
from energy.observe import Seen
from energy.tally import Tally, added_up, indicator
from graph.values import magnitude


def power_of_two(scale: float) -> bool:
    """A shift of exponents, free in both networks."""
    return abs(frexp(scale)[0]) == 0.5


def rows_of(a: Tensor, most: float = 1) -> Tensor:
    """sum_i a_ik: [..., K] in fp64, of whole numbers in [0, most]."""
    return added_up(a.mT, most)


def columns_of(b: Tensor, most: float = 1) -> Tensor:
    """sum_j b_kj: [..., K]."""
    return added_up(b, most)


def matmul(seen: Seen) -> Counts:
    shared = Counts(
        macs=seen.macs,
        skip_tests=seen.length(0) + seen.length(1),
        mul=0 if power_of_two(seen.op.scale) else seen.elements,
    )
    return moved(seen, shared + _fed(seen), (0, 1))


def _fed(seen: Seen) -> Counts:
    a, b = seen.operand(0), seen.operand(1)
    if any(magnitude(seen.kind(i)) is None for i in (0, 1)):
        return Counts(fmac=seen.macs * seen.steps, nonzero_macs=_nonzero(seen), elements=seen.length(0))
    if a is not None and b is not None:
        return _counts(seen, a.tally, b.tally)
    if a is not None:
        return _stored(seen, a.tally, seen.node.shape[-1]) + Counts(elements=seen.length(0))
    if b is not None:
        return _stored(seen, b.tally, seen.node.shape[-2]) + Counts(elements=seen.length(1))
    return Counts(imac=seen.macs * seen.steps, nonzero_macs=_nonzero(seen), elements=seen.length(0))


def _nonzero(seen: Seen) -> np.ndarray:
    a, b = (indicator(x) for x in seen.inputs)
    return seen.per_sample(rows_of(a) * columns_of(b))


def _counts(seen: Seen, a: Tally, b: Tally) -> Counts:
    driving, active = rows_of(a.size, a.most), rows_of(a.active)
    read, stored = columns_of(b.size, b.most), columns_of(b.active)
    pair, nonzero = seen.per_sample(driving * read), seen.per_sample(active * stored)
    dense = seen.per_sample(driving) * b.n.shape[-1]
    return Counts(
        ac_int=np.maximum(pair, dense),
        pair=pair,
        stationary=dense,
        stationary_skipping=seen.per_sample(driving * stored),
        nonzero_macs=nonzero,
        decoded_macs=nonzero,
        **_activity(seen, a),
        elements=seen.length(0),
    )


def _stored(seen: Seen, driver: Tally, reads: int) -> Counts:
    """Every event of the driver reads all ``reads`` numbers that it meets in the other operand."""
    adds, touched = seen.per_row(driver.events) * reads, seen.per_row(driver.actives) * reads
    return Counts(
        ac_int=adds,
        stationary=adds,
        stationary_skipping=adds,
        nonzero_macs=touched,
        decoded_macs=touched,
        **_activity(seen, driver),
    )


def _activity(seen: Seen, tally: Tally) -> dict[str, np.ndarray]:
    active = seen.per_row(tally.actives)
    return {"events": seen.per_row(tally.events), "nonzeros": active, "decoded_nonzeros": active}

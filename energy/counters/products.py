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
import torch
from torch import Tensor

from energy.columns import Counts
from energy.counters.traffic import moved
from energy.observe import Seen
from graph.values import magnitude


def power_of_two(scale: float) -> bool:
    """A shift of exponents, free in both networks."""
    return abs(frexp(scale)[0]) == 0.5


def _rows(a: Tensor) -> Tensor:
    """sum_i |a_ik|: [..., K]."""
    return a.abs().double().sum(-2) if a.dtype != torch.bool else a.double().sum(-2)


def _columns(b: Tensor) -> Tensor:
    """sum_j |b_kj|: [..., K]."""
    return _rows(b.mT)


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
        return Counts(fmac=seen.macs * seen.steps, nonzero_macs=_nonzero(seen, *seen.inputs), elements=seen.length(0))
    if a is not None and b is not None:
        return _counts(seen, a.n, b.n)
    if a is not None:
        return _stored(seen, a.n, seen.inputs[1]) + Counts(elements=seen.length(0))
    if b is not None:
        return _stored(seen, b.n.mT, seen.inputs[0].mT) + Counts(elements=seen.length(1))
    return Counts(imac=seen.macs * seen.steps, nonzero_macs=_nonzero(seen, *seen.inputs), elements=seen.length(0))


def _nonzero(seen: Seen, a: Tensor, b: Tensor) -> np.ndarray:
    return seen.per_sample(_rows(a != 0) * _columns(b != 0))


def _reads(seen: Seen, driver: Tensor, stored: Tensor) -> np.ndarray:
    """Every event of ``driver`` [..., M, K] reads all of its row of ``stored`` [..., K, N]."""
    return seen.per_sample(_rows(driver) * _columns(torch.ones_like(stored)))


def _counts(seen: Seen, a: Tensor, b: Tensor) -> Counts:
    pair = seen.per_sample(_rows(a) * _columns(b))
    dense, nonzero = _reads(seen, a, b), _nonzero(seen, a, b)
    return Counts(
        ac_int=np.maximum(pair, dense),
        pair=pair,
        stationary=dense,
        stationary_skipping=seen.per_sample(_rows(a) * _columns(b != 0)),
        nonzero_macs=nonzero,
        decoded_macs=nonzero,
        events=seen.per_sample(a.abs()),
        nonzeros=seen.per_sample(a != 0),
        decoded_nonzeros=seen.per_sample(a != 0),
        elements=seen.length(0),
    )


def _stored(seen: Seen, driver: Tensor, stored: Tensor) -> Counts:
    adds, touched = _reads(seen, driver, stored), _reads(seen, driver != 0, stored)
    return Counts(
        ac_int=adds,
        stationary=adds,
        stationary_skipping=adds,
        nonzero_macs=touched,
        decoded_macs=touched,
        events=seen.per_sample(driver.abs()),
        nonzeros=seen.per_sample(driver != 0),
        decoded_nonzeros=seen.per_sample(driver != 0),
    )

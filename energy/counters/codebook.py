"""``Codebook``: for each row x of d features, k = argmin_k |e_k|^2 / 2 - x . e_k over K entries, then y = e_k.

Products x . e_k, K d of them: fed by reals, fmac; by counts n, |n| accumulates of a stored number for each of the K
entries, as in a Linear, counts that were decoded over the steps too; by sums of spikes, imac. Beside them K fadd (the
stored half-norms), K - 1 cmp (the smallest), and d reads at the chosen address. The codebook and its half-norms,
K (d + 1) words, are fetched once a frame.

``SquaredError`` (a training loss): d fadd and d fmac (difference, square and sum), 1 mul (weight over d).
"""

from __future__ import annotations

import torch

from energy.columns import Counts
from energy.counters.traffic import fetched, moved
from energy.observe import Seen
from energy.tally import indicator
from graph.values import magnitude


def nearest(seen: Seen) -> Counts:
    entries, dim = seen.op.entries, seen.op.dim
    rows = seen.elements // dim
    shared = Counts(
        fadd=entries * rows,
        cmp=(entries - 1) * rows,
        gather_reads=seen.elements,
        macs=seen.macs,
        elements=seen.length(0),
        skip_tests=seen.length(0),
        weight_B=fetched(seen, entries * (dim + 1)),
    )
    return moved(seen, shared + _products(seen))


def _products(seen: Seen) -> Counts:
    operand, entries = seen.operand(0), seen.op.entries
    nonzero = entries * seen.per_sample(indicator(seen.inputs[0]), 1)
    if operand is None:
        dense = seen.macs * seen.steps
        real = magnitude(seen.kind(0)) is None
        return Counts(fmac=dense if real else 0, imac=0 if real else dense, nonzero_macs=nonzero)
    tally = operand.tally
    events, active = seen.per_row(tally.events), seen.per_row(tally.actives)
    return Counts(
        ac_w=entries * events,
        graded=nonzero,
        shift_add=entries * seen.per_sample(tally.ones, tally.most),
        nonzero_macs=nonzero,
        decoded_macs=nonzero,
        events=events,
        nonzeros=active,
        decoded_nonzeros=active,
    )


def squared_error(seen: Seen) -> Counts:
    size = torch.broadcast_shapes(*(x.shape[1:] for x in seen.inputs)).numel() * seen.rows
    return Counts(fadd=size, fmac=size, mul=seen.rows)

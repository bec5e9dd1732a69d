"""``Conv`` and ``Linear``: y = W x + b.

Fed by counts n: sum over inputs of |n| x the synapses that input drives (``op.fanout``: padding, stride,
dilation and groups respected), each one accumulate of a weight. Fed by reals: dense MACs. Fed by sums of
spikes (no events, still integers): dense integer MACs. A bias is one add for each output.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from energy.columns import Counts
from energy.counters.traffic import fetched, moved
from energy.observe import Operand, Seen
from energy.tally import Tally, indicator
from graph.values import Spike, magnitude


def driven(seen: Seen, x: Tensor, most: float = 1, steps: int | None = None) -> np.ndarray:
    """Sum of whole numbers x, |x| <= most, each times the synapses that its element drives: [S]."""
    fan = seen.op.fanout(*seen.run.graph.inputs(seen.node))
    if len(fan.rows) == len(fan.columns) == 1:
        return seen.per_sample(x, most, steps=steps) * (fan.rows[0] * fan.columns[0] * fan.channels)
    rows, columns = (torch.tensor(f, dtype=torch.float32, device=x.device) for f in (fan.rows, fan.columns))
    reach = (rows[:, None] * columns).flatten()
    return seen.per_sample(x.flatten(-2), most, reach, steps) * fan.channels


def over_steps(seen: Seen, n: Tensor) -> Tensor:
    """Signed counts added up over the steps: [T B, ...] -> [B, ...]."""
    return n.reshape(seen.steps, -1, *n.shape[1:]).sum(0)


def synapses(seen: Seen) -> Counts:
    operand = seen.operand(0) if isinstance(seen.kind(0), Spike) else None
    shared = Counts(
        fadd=seen.elements if seen.op.bias else 0,
        macs=seen.macs,
        elements=seen.length(0),
        skip_tests=seen.length(0),
        weight_B=fetched(seen, seen.op.parameters()),
    )
    fed = _real(seen) if operand is None else spiking(seen, operand)
    return moved(seen, shared + fed)


def spiking(seen: Seen, operand: Operand) -> Counts:
    tally = operand.tally
    once = tally if seen.steps == 1 else Tally(over_steps(seen, operand.n))
    unary, graded = driven(seen, tally.size, tally.most), driven(seen, tally.active)
    return Counts(
        ac_w=unary,
        graded=graded,
        nonzero_macs=graded,
        shift_add=graded if tally.most <= 1 else driven(seen, tally.ones, tally.most),
        decoded_macs=driven(seen, once.active, steps=1),
        events=seen.per_row(tally.events),
        nonzeros=seen.per_row(tally.actives),
        decoded_nonzeros=seen.per_row(once.actives, steps=1),
    )


def _real(seen: Seen) -> Counts:
    dense = seen.macs * seen.steps
    nonzero = driven(seen, indicator(seen.inputs[0]))
    if magnitude(seen.kind(0)) is None:
        return Counts(fmac=dense, nonzero_macs=nonzero)
    return Counts(imac=dense, nonzero_macs=nonzero)

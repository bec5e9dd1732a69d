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
from graph.values import Spike, magnitude


def popcount(n: Tensor) -> Tensor:
    """The number of ones in the binary form of |n|."""
    left = n.abs().to(torch.int64)
    ones = torch.zeros_like(left)
    while bool(left.any()):
        ones += left & 1
        left = left >> 1
    return ones.to(torch.float64)


def driven(seen: Seen, x: Tensor) -> Tensor:
    """x times the synapses that each of its elements drives."""
    fan = seen.op.fanout(*seen.run.graph.inputs(seen.node))
    rows, columns = (torch.tensor(f, dtype=torch.float64, device=x.device) for f in (fan.rows, fan.columns))
    total: Tensor = x.to(torch.float64) * (rows[:, None] * columns * fan.channels)
    return total


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
    fed = _real(seen) if operand is None else _spiking(seen, operand)
    return moved(seen, shared + fed)


def _spiking(seen: Seen, operand: Operand) -> Counts:
    n = operand.n.abs()
    unary, graded = seen.per_sample(driven(seen, n)), seen.per_sample(driven(seen, n > 0))
    once = driven(seen, over_steps(seen, operand.n) != 0)
    return Counts(
        ac_w=unary,
        graded=graded,
        nonzero_macs=graded,
        shift_add=seen.per_sample(driven(seen, popcount(n))),
        decoded_macs=_of_all_steps(seen, once),
        events=seen.per_sample(n),
        nonzeros=seen.per_sample(n > 0),
        decoded_nonzeros=_of_all_steps(seen, over_steps(seen, operand.n) != 0),
    )


def _of_all_steps(seen: Seen, x: Tensor) -> np.ndarray:
    """Sum of a value [B, ...] that all steps have in common: [S]."""
    return seen.per_sample(x.repeat(seen.steps, *(1 for _ in x.shape[1:]))) // seen.steps


def _real(seen: Seen) -> Counts:
    dense = seen.macs * seen.steps
    nonzero = seen.per_sample(driven(seen, seen.inputs[0] != 0))
    if magnitude(seen.kind(0)) is None:
        return Counts(fmac=dense, nonzero_macs=nonzero)
    return Counts(imac=dense, nonzero_macs=nonzero)

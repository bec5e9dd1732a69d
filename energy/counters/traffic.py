"""Bytes that are moved at least, in words of fp32; `energy.memory` says what a machine moves.

* Every weight is fetched once per frame by each layer that uses it (and stays for all T steps).
* Each operand of a weighted op or product is written once and read once; an Add fetches one operand, the
  other is at hand; everything elementwise is fused into its producer.
* Real values and sums of spikes are fp32 words; spikes are a unary bitmap: D bits (one more if signed) a
  step.
"""

from __future__ import annotations

from dataclasses import replace

from energy.columns import Counts
from energy.observe import Seen
from graph.values import Clock, Spike

WORD = 4


def moved(seen: Seen, counts: Counts, operands: tuple[int, ...] = (0,)) -> Counts:
    """``counts`` with the bytes of the named operands, written and read."""
    real = spikes = 0.0
    for i in operands:
        if seen.run.values[seen.node.args[i]].clock == Clock.STATIC:
            real += WORD * seen.length(i)  # read once a frame, never written
            continue
        length = seen.inputs[i].numel() // seen.run.samples
        kind = seen.kind(i)
        if isinstance(kind, Spike):
            spikes += 2 * length * (kind.levels + kind.signed) / 8
        else:
            real += 2 * length * WORD
    return replace(counts, act_B=counts.act_B + real + spikes, spike_B=counts.spike_B + spikes)


def fetched(seen: Seen, parameters: int) -> int:
    return WORD * parameters * seen.rows

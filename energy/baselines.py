"""What a row would cost on another machine: the networks that a spiking one must beat, as a rewrite of its
rows.

* ``dense``: as counted.
* ``zeroskip``: only MACs whose inputs are not zero, and one compare for each operand element to find them.
* ``qann``: the spiking run as a quantised network, run once: a value of b = ceil(log2(T D + 1)) bits (one
  more if signed) for each count summed over the steps; MACs of b bits whose inputs are not zero, one
  compare for each operand element; a requantisation (1 mul, 2 cmp) for each neuron; everything else as in
  the spiking run, divided by T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from energy.account import Row
from energy.columns import Counts

Rewrite = Callable[[Row], Row]


def dense(row: Row) -> Row:
    return row


def zeroskip(row: Row) -> Row:
    if not row.multiplies or row.spiking:
        return row
    c = row.counts
    skipped = c.macs * row.steps - c.nonzero_macs
    column = "imac" if row.reads.startswith("integer") else "fmac"
    return replace(
        row, counts=replace(c, **{column: getattr(c, column) - skipped}, cmp=c.cmp + c.skip_tests * row.steps)
    )


def qann(row: Row) -> Row:
    if row.op == "Decode":
        return replace(row, counts=Counts(), steps=1)
    whole, bits = row.counts, row.total_bits
    # Dense sizes and weights are of one step already; all else was counted T times.
    fixed = {name: getattr(whole, name) for name in ("macs", "skip_tests", "elements", "weight_B", "decoded_macs")}
    once = replace(row, counts=replace(whole.scaled(1 / row.steps), **fixed), steps=1)
    c = once.counts
    if row.spiking:
        tested = replace(c, ac_w=0, ac_int=0, imac=c.decoded_macs, cmp=c.cmp + c.skip_tests)
        # T (D + sign) bits of unary bitmap become one value of b bits; c holds those of one step.
        spikes = c.spike_B * bits / (row.levels + row.signed)
        return replace(once, counts=replace(tested, act_B=c.act_B - c.spike_B + spikes, spike_B=spikes), imac_bits=bits)
    if whole.sum("neuron_updates"):
        fired = replace(c, cmp=2 * c.neuron_updates, mul=c.neuron_updates, fadd=0, state_B=0, spike_msgs=0)
        return replace(once, counts=fired)
    return zeroskip(once)

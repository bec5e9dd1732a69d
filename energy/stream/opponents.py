"""The delta quantised ANN: the network that a stream amounts to, which sends a change as one small number.

A change of a count is a value of b = ceil(log2(D + 1)) + 1 bits; where it is not zero, one integer MAC a synapse. It
requantises (1 mul, 2 cmp) where an input changed, and keeps the same sums and the same last values.
"""

from __future__ import annotations

from dataclasses import replace

from energy.account import Row


def _quantised(row: Row) -> Row:
    c = row.counts
    if row.spiking:
        spikes = c.spike_B * row.count_bits / (row.levels + 1)
        stored = replace(c, ac_w=0, ac_int=0, act_B=c.act_B - c.spike_B + spikes, spike_B=spikes)
        return replace(row, counts=replace(stored, imac=c.imac + c.decoded_macs), imac_bits=row.count_bits)
    if row.counts.sum("neuron_updates"):
        return replace(row, counts=replace(c, cmp=2 * c.neuron_updates, mul=c.neuron_updates))
    return row


def delta_qann(row: Row) -> Row:
    """On an array, which looks at every operand element to find what changed."""
    done = _quantised(row)
    if not row.spiking:
        return done
    return replace(done, counts=replace(done.counts, cmp=done.counts.cmp + row.counts.skip_tests))


def delta_qann_events(row: Row) -> Row:
    """On a core that events drive: one message for each change, which carries its value."""
    done = _quantised(row)
    if not row.spiking:
        return done
    counts = replace(done.counts, events=row.counts.decoded_nonzeros)
    return replace(done, counts=counts, message_bits=row.message_bits + row.count_bits)

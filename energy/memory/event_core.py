"""Cores that wake for an event: it reads the weight of each synapse, reads and writes the accumulator behind it.

    weight_reads_B   operations x bytes of a weight
    acc_rw_B         operations x 2 x bytes of an accumulator
    addr_ops         operations
    msg_bits         events x 16 bits of address (graded events: and the bits of the value)

All of it in the memory beside the core, whose price grows with its size.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from energy.account import Row
from energy.columns import Counts
from energy.memory.model import MemoryModel, once, synaptic, with_registers

SIZES = {"8kB": 2, "32kB": 4, "1MB": 4}  # the memory beside a core -> bytes of an accumulator


def driven(row: Row, word_B: float, *, accumulator_B: int) -> Counts:
    """A layer that counts drive; everything else runs on an array beside the cores."""
    if not row.spiking:
        return with_registers(row, word_B)
    whole, ops = once(row, word_B), synaptic(row)
    return replace(
        whole,
        weight_B=0,
        state_B=row.counts.state_B,  # what is kept are the accumulators, which every operation reads and writes
        act_B=whole.act_B - row.counts.spike_B,
        weight_reads_B=ops * word_B,
        acc_rw_B=ops * 2 * accumulator_B,
        addr_ops=ops,
        msg_bits=row.counts.events * row.message_bits,
    )


def _core(size: str) -> MemoryModel:
    place, accumulator_B = f"local_{size}", SIZES[size]
    beside = ("weight_reads_B", "acc_rw_B", "msg_bits", "state_B")
    return MemoryModel(
        name=f"event_core_{size}",
        says=(
            "the spiking network runs on as many cores as it needs; their weights stay beside them",
            f"each event reads a weight, and reads and writes an accumulator of {8 * accumulator_B} bits, for each of "
            f"its synapses, in the {size} of memory beside a core, and finds each by an addition",
            "an event is a message of 16 bits of address, written to a queue and read from it; a graded one carries "
            "its value as well",
            "the dense and zero-skipping opponents run on a stationary array; qann_events on the same cores",
        ),
        source="the event-driven architecture of Lemaire et al., arXiv 2210.13107",
        events=partial(driven, accumulator_B=accumulator_B),
        frames=with_registers,
        places=dict.fromkeys(beside, place),
        registers=True,
    )


EVENT_CORES = {f"event_core_{size}": _core(size) for size in SIZES}

"""No reuse at all: every operation goes to the large memory for what it reads; only a MAC's sum stays in a register.

events    weight_reads_B = operations x bytes of a weight, acc_rw_B = operations x 2 x 4
frames    weight_reads_B = operations x bytes of a weight, operand_reads_B = operations x bytes of an operand
"""

from __future__ import annotations

from dataclasses import replace

from energy.account import Row
from energy.columns import Counts
from energy.memory.model import MemoryModel, once, operations, synaptic

ACCUMULATOR_B = 4


def by_events(row: Row, word_B: float) -> Counts:
    if not row.spiking:
        return by_frames(row, word_B)
    ops, state = synaptic(row), row.counts.state_B  # what is kept are the accumulators
    moved = {"weight_B": 0, "weight_reads_B": ops * word_B, "acc_rw_B": ops * 2 * ACCUMULATOR_B, "state_B": state}
    return replace(once(row, word_B), **moved)


def by_frames(row: Row, word_B: float) -> Counts:
    """An operand is written once and read by each operation."""
    whole = once(row, word_B)
    if not row.multiplies:
        return whole
    ops, operand_B = operations(row), row.imac_bits / 8 if row.spiking else word_B
    return replace(
        whole,
        weight_B=0,
        act_B=whole.act_B / 2,
        weight_reads_B=ops * word_B,
        operand_reads_B=ops * operand_B,
    )


CACHELESS = MemoryModel(
    name="cacheless",
    says=(
        "every operation reads its weight from 1 MB of memory",
        "an event reads and writes the accumulator of 32 bits behind each synapse there as well",
        "a MAC of an opponent reads its operand there, and keeps its sum in a register",
    ),
    source="an upper bound; no machine",
    events=by_events,
    frames=by_frames,
    places=dict.fromkeys(("weight_reads_B", "acc_rw_B", "operand_reads_B"), "local_1MB"),
)

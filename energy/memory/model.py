"""``MemoryModel``: how a machine moves data, as a charge on a row: Row, bytes of a word -> the columns of ``MOVED``.

A model names two machines: the one that is driven by events, which runs the spiking network (and the quantised one as
graded events), and the one that takes a frame at a time, which runs every other opponent. Bytes cost what their place
costs in a profile (``places``; ``buffer`` where it says nothing); a bit of a message is written to a queue and read
from it; an address is an addition. Weights that are more than ``store_B`` come from DRAM once a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from energy.account import Account, Row
from energy.columns import MOVED, Counts, Number
from energy.hardware import Profile

Charge = Callable[[Row, float], Counts]
FP32_B = 4


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """``says``: what it assumes, a sentence each; ``source``: where that is from."""

    name: str
    says: tuple[str, ...]
    source: str
    events: Charge
    frames: Charge
    places: Mapping[str, str] = field(default_factory=dict)
    registers: bool = False
    store_B: float = float("inf")

    def needs(self, from_dram: bool = False) -> set[str]:
        """The places that must have a price."""
        needed = {"buffer", *self.places.values()}
        return needed | ({"register"} if self.registers else set()) | ({"dram"} if from_dram else set())

    def unit_pj(self, column: str, prices: Profile) -> float:
        """pJ of one of ``column``: a byte, a bit, an access."""
        if column == "addr_ops":
            return prices.price("ac_int")
        if column == "register_rw":
            return prices.price("register")
        if column == "dram_B":
            return prices.price("dram")
        place = prices.price(self.places.get(column, "buffer"))
        return 2 * place / 8 if column == "msg_bits" else place

    def charge(self, row: Row, word_B: float, *, by_events: bool, from_dram: bool = False) -> Counts:
        """The moved columns of a row; all others are 0."""
        moved = (self.events if by_events else self.frames)(row, word_B)
        return replace(moved, dram_B=moved.dram_B + moved.weight_B) if from_dram else moved

    def pj(self, moved: Counts, prices: Profile) -> np.ndarray:
        total: Any = 0.0
        for column in MOVED:
            amount = getattr(moved, column)
            if np.any(amount) if isinstance(amount, np.ndarray) else amount:
                total = total + amount * self.unit_pj(column, prices)
        return np.asarray(total, dtype=float)

    def overflows(self, account: Account, word_B: float) -> bool:
        """The weights are more than the chip holds."""
        return account.stored_B * word_B / FP32_B > self.store_B


def once(row: Row, word_B: float) -> Counts:
    """Everything once, at this machine's words; bitmaps of spikes and states of neurons are as wide as they are."""
    c, share = row.counts, word_B / FP32_B
    return Counts(
        weight_B=c.weight_B * share,
        act_B=c.spike_B + (c.act_B - c.spike_B) * share,
        state_B=c.state_B + c.kept_B,
        gather_B=c.gather_reads * word_B,
    )


def operations(row: Row) -> Number:
    """Accumulates and MACs that were done."""
    c = row.counts
    return c.ac_w + c.ac_int + c.imac + c.fmac if row.multiplies else 0


def synaptic(row: Row) -> Number:
    """Of a layer that counts drive: its accumulates, or its integer MACs where the counts are graded. What it computes
    beside them (where to sample) is arithmetic, no event."""
    c = row.counts
    return c.ac_w + c.ac_int + c.imac


def with_registers(row: Row, word_B: float) -> Counts:
    """Weight, operand and sum each pass through a register for every operation."""
    return replace(once(row, word_B), register_rw=3 * operations(row))

"""An array of processing elements that keep what they can: both networks pay for the registers of each operation."""

from __future__ import annotations

from energy.memory.model import MemoryModel, with_registers

STATIONARY_ARRAY = MemoryModel(
    name="stationary_array",
    says=(
        "both networks run on one array; between buffer and array everything is moved once, as in perfect_reuse",
        "each accumulate and each MAC reads a weight and an operand from registers and updates a sum: 3 accesses",
        "1 MB of weights stays on the chip; a network with more fetches all of them from DRAM once a frame",
    ),
    source="the hierarchy of Chen et al., Eyeriss, ISCA 2016",
    events=with_registers,
    frames=with_registers,
    registers=True,
    store_B=2**20,
)

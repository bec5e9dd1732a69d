"""Every value is moved once a frame, whatever a machine would need: the most that reuse can give."""

from __future__ import annotations

from energy.memory.model import MemoryModel, once

PERFECT_REUSE = MemoryModel(
    name="perfect_reuse",
    says=(
        "every weight is fetched once a frame by each layer that uses it, and stays for all steps",
        "every operand of a layer is written once and read once; what is elementwise is fused into its producer",
        "spikes are a bitmap of D bits (one more if signed) a step; states are read and written at each update",
        "all of it lies in one buffer on the chip, however large the network",
    ),
    source="a lower bound; no machine",
    events=once,
    frames=once,
)

WEIGHTS_IN_DRAM = MemoryModel(
    name="weights_in_dram",
    says=("as perfect_reuse, but no weight stays on the chip between frames: each comes from DRAM once a frame",),
    source="Horowitz, ISSCC 2014, for the price of DRAM",
    events=once,
    frames=once,
    store_B=0,
)

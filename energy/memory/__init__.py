"""``MODELS``: every memory model by its name. None of them is meant where none is named."""

from __future__ import annotations

from energy.memory.cacheless import CACHELESS
from energy.memory.event_core import EVENT_CORES
from energy.memory.model import MemoryModel
from energy.memory.perfect_reuse import PERFECT_REUSE, WEIGHTS_IN_DRAM
from energy.memory.stationary_array import STATIONARY_ARRAY

MODELS: dict[str, MemoryModel] = {
    model.name: model for model in (PERFECT_REUSE, STATIONARY_ARRAY, *EVENT_CORES.values(), CACHELESS, WEIGHTS_IN_DRAM)
}

__all__ = ["MODELS", "MemoryModel"]

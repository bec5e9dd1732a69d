"""Which of several networks nobody beats: none costs no more, scores no less, and does better in one of the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Where it runs, in words -> the memory model of energy.json, or none.
MACHINES = {
    "computing alone": "",
    "each byte moved once": "perfect_reuse",
    "both on an event core of 32 kB": "event_core_32kB",
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """uJ of a frame at int8 prices: of the SNN, of the quantised ANN that it amounts to, of the dense int8 ANN."""

    snn: float
    qann: float
    int8: float


def cost_of(row: Mapping[str, Any], model: str) -> Cost:
    """Of a row of energy.json. On an event core the quantised ANN runs there too, as graded events."""
    opponent = "qann_events" if model.startswith("event") else "qann"
    if not model:
        uj, saving = row["energy_uj"]["int8_prices"], row["saving"]["strict_compute"]
        return Cost(snn=uj, qann=uj / (1 - saving[opponent]), int8=uj / (1 - saving["int8"]))
    table = row["memory"][model]
    return Cost(snn=table[opponent]["uj"][0], qann=table[opponent]["uj"][1], int8=table["int8"]["uj"][1])


def front(values: Mapping[str, tuple[float, float]]) -> list[str]:
    """(cost, score) by name -> those that nobody beats, the cheapest first."""

    def beaten(name: str) -> bool:
        cost, score = values[name]
        return any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in values.values())

    return sorted((name for name in values if not beaten(name)), key=lambda name: values[name])

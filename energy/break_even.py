"""Where a layer breaks even: the mean count of its input at which its events cost what the opponent's layer does.

    E_ours(r) = fixed + r / rate x (E_ours - fixed)        fixed: what costs the same without any event
    r* = rate x (E_theirs - fixed) / (E_ours - fixed)

Beside two figures of the literature: a rate of 5.7 % a step at T = 5 (Yan et al., arXiv 2409.08290 v4), and 0.15 to
1.38 spikes a synapse and inference (Dampfhoffer et al., TETCI 2023). ``spikes_per_synapse`` is ours to compare: adds
over dense MACs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from energy.account import Account, Row
from energy.baselines import BASELINES
from energy.costs import Machine, opponent_machine, spiking_machine
from energy.hardware import profile

PUBLISHED = {
    "rate_at_5_steps": 0.057,
    "spikes_per_synapse_low": 0.15,
    "spikes_per_synapse_high": 1.38,
}
# What would not happen if nothing fired.
BY_EVENTS = ("ac_w", "ac_int", "graded", "shift_add", "events", "nonzeros", "decoded_nonzeros")


def silent(row: Row) -> Row:
    """The same layer, had nothing fired in front of it."""
    return replace(row, counts=replace(row.counts, **dict.fromkeys(BY_EVENTS, 0)))


def _mean(where: Machine, row: Row) -> float:
    return float(np.mean(where.row_pj(row)))


def break_even(row: Row, theirs_pj: float, ours: Machine) -> float | None:
    """r*; None where nothing fired, so that an event has no price yet."""
    fixed = _mean(ours, silent(row))
    varying = _mean(ours, row) - fixed
    return row.rate * (theirs_pj - fixed) / varying if varying > 0 else None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``at``: opponent -> mean count of the input, summed over the steps, at which the layer breaks even."""

    name: str
    rate: float
    spikes_per_synapse: float
    at: dict[str, float | None]


def layers(ann: Account, snn: Account, memory: str = "") -> Iterator[Layer]:
    """Every layer that counts drive, against the same layer of each opponent."""
    sources = {"ann": {r.name: r for r in ann.rows}, "snn": {r.name: r for r in snn.rows}}
    machines = {}
    for x, opponent in BASELINES.items():
        prices = profile(opponent.profile)
        source = {"ann": ann, "snn": snn}[opponent.of]
        theirs = opponent_machine(opponent, source, prices, memory)
        machines[x] = opponent, spiking_machine(snn, prices, memory), theirs
    for row in snn.layers:
        if not row.spiking:
            continue
        at = {}
        for x, (opponent, ours, theirs) in machines.items():
            other = sources[opponent.of].get(row.name)
            at[x] = None if other is None else break_even(row, _mean(theirs, other), ours)
        adds = float(np.mean(row.counts.ac_w + row.counts.ac_int))
        yield Layer(name=row.name, rate=row.rate, spikes_per_synapse=adds / row.macs if row.macs else 0.0, at=at)

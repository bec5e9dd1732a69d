"""Why another counter's additions are not ours: parts in words whose numbers add up to the whole difference.

ours - theirs = nodes it does not see + layers it books as MACs + what it counts differently elsewhere
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tools.counters.layers import Layer
from tools.counters.rules import Counter

MAC_PJ, AC_PJ = 4.6, 0.9  # what the literature pays: 45 nm, fp32


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Per frame. ``parts``: words -> additions that ours has and theirs has not (negative: theirs has more)."""

    counter: str
    additions: float
    macs: float
    layers_as_macs: int
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def uj(self) -> float:
        return (self.macs * MAC_PJ + self.additions * AC_PJ) * 1e-6


def ours(layers: Sequence[Layer], frames: int) -> Verdict:
    """Additions that events drive; MACs of what no event drives, every one of them."""
    return Verdict(
        counter="SpikeAVS",
        additions=sum(x.events for x in layers) / frames,
        macs=sum(x.dense for x in layers if not x.events) / frames,
        layers_as_macs=0,
    )


def explained(counter: Counter, layers: Sequence[Layer], frames: int) -> Verdict:
    additions = macs = 0.0
    parts: dict[str, float] = {}
    booked: set[str] = set()

    def add(why: str, amount: float) -> None:
        if amount:
            parts[why] = parts.get(why, 0.0) + amount / frames

    for layer in layers:
        if layer.kind not in counter.sees:
            add(f"it does not see the {layer.kind}s of this network", layer.events)
            continue
        theirs, as_macs = counter.count(layer)
        additions, macs = additions + theirs, macs + as_macs
        if layer.events and as_macs:
            booked.add(layer.name)
            add(counter.why_macs, layer.events - theirs)
        else:
            add(counter.why_less, layer.events - theirs)
    return Verdict(
        counter=counter.name,
        additions=additions / frames,
        macs=macs / frames,
        layers_as_macs=len(booked),
        parts=parts,
    )


def as_json(verdict: Verdict) -> dict[str, Any]:
    return {**asdict(verdict), "uj": verdict.uj}

"""What a value in a graph is: its kind (real, spike, integer) and its clock (static < once < stepped).

A ``Spike`` is an event: an integer count in ``[0, levels]`` (or ``[-levels, levels]``) times one scale. The scale is a
*symbol*, the name of the site that fired, never a number: two scales that happen to be equal are not the same scale.
An ``Integer`` is a sum or a product of spikes. It is exact, but it is not an event, so nothing downstream may call
itself spike-fed on its account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

Shape = tuple[int, ...]


class Clock(IntEnum):
    """How often a value is computed: never (a constant), once per frame, or once per time step."""

    STATIC = 0
    ONCE = 1
    STEPPED = 2


@dataclass(frozen=True)
class Real:
    def __str__(self) -> str:
        return "real"


@dataclass(frozen=True)
class Spike:
    levels: int
    signed: bool
    scale: str

    def __str__(self) -> str:
        return f"spike({'±' if self.signed else ''}{self.levels})"


@dataclass(frozen=True)
class Integer:
    """|value / scale| <= bound, where scale is a product of spike scales."""

    bound: int

    def __str__(self) -> str:
        return f"integer({self.bound})"


Kind = Real | Spike | Integer
REAL = Real()


def magnitude(kind: Kind) -> int | None:
    """The largest absolute count a value can hold, or None if it is real."""
    if isinstance(kind, Spike):
        return kind.levels
    return kind.bound if isinstance(kind, Integer) else None

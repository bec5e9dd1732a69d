"""What a value in a graph is: its kind (real, spike, integer) and its clock (static < once < stepped).

A ``Spike`` is an event: an integer count in ``[0, levels]`` (or ``[-levels, levels]``) of one site. What a count is
worth is a ``Unit``, a *symbol* that names the site, never a number: two steps that happen to be equal are not the same.
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
    site: str

    def __str__(self) -> str:
        return f"spike({'±' if self.signed else ''}{self.levels})"


@dataclass(frozen=True)
class Integer:
    """A whole number of units, at most ``bound`` of them, where the unit is a product of those of spikes. ``of``: it is
    the spikes of one site, added up over the steps."""

    bound: int
    of: Spike | None = None

    def __str__(self) -> str:
        return f"integer({self.bound})"


Kind = Real | Spike | Integer
REAL = Real()


def counts_site(kind: Kind) -> Spike | None:
    """The spikes that a value holds, of one step or added up over all of them; None if it holds sums or reals."""
    return kind if isinstance(kind, Spike) else getattr(kind, "of", None)


@dataclass(frozen=True)
class Unit:
    """What one count is worth: ``factor`` times the step of every site in ``sites``. The value of n counts is unit n.

    A symbol until a network runs, since steps are learnt and calibrated."""

    factor: float = 1.0
    sites: tuple[str, ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        return Unit(self.factor * other.factor, tuple(sorted((*self.sites, *other.sites))))

    def __str__(self) -> str:
        parts = ([] if self.factor == 1.0 else [f"{self.factor:g}"]) + [f"step({site})" for site in self.sites]
        return " ".join(parts) or "1"


ONE = Unit()


def magnitude(kind: Kind) -> int | None:
    """The largest absolute count a value can hold, or None if it is real."""
    if isinstance(kind, Spike):
        return kind.levels
    return kind.bound if isinstance(kind, Integer) else None

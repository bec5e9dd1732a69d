"""``Op``: what a node computes. Frozen, keyword-only, no tensors, no torch.

Every op answers five questions from shapes alone (without the batch dimension):

* ``shape(*inputs)``            the shape of its value
* ``macs(out, *inputs)``        dense multiply-accumulates
* ``multiplies(out, *inputs)``  every real multiplication, MACs included; what the lint adds up
* ``fanout(*inputs)``           how many synapses one spike of its data input drives (weighted ops only)
* ``kind(*kinds)``              is its value real, a spike, or an integer?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from graph.values import REAL, Clock, Kind, Shape

REGISTRY: dict[str, type[Op]] = {}


@dataclass(frozen=True)
class Fanout:
    """Synapses driven by one spike at (row, column): ``rows[r] * columns[c] * channels``; separable, so exact."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    channels: int


@dataclass(frozen=True, kw_only=True)
class Op:
    """Base of all ops. ``events_on`` names the arguments that should be spikes in a spiking network."""

    events_on: ClassVar[tuple[int, ...]] = ()
    arity: ClassVar[int | None] = 1

    def __init_subclass__(cls) -> None:
        REGISTRY[cls.__name__] = cls

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return 0

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return self.macs(out, *inputs)

    def fanout(self, *inputs: Shape) -> Fanout:
        raise TypeError(f"{type(self).__name__} has no synapses, so a spike has no fan-out in it")

    def kind(self, *kinds: Kind) -> Kind:
        return REAL

    def clock(self, *clocks: Clock) -> Clock:
        return max(clocks, default=Clock.ONCE)

    def parameters(self) -> int:
        return 0

    def keywords(self) -> Mapping[str, bool]:
        """What a node says to its module at each call beside its inputs; nodes that share a module may differ in it."""
        return {}


class Keep:
    """Mixin: the value is of the same kind as the first input (a layout change, not arithmetic)."""

    def kind(self, *kinds: Kind) -> Kind:
        return kinds[0]


def size(shape: Shape) -> int:
    return prod(shape)


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of ``a + b`` under torch's rules, for shapes of equal rank."""
    if len(a) != len(b):
        raise ValueError(f"shapes {a} and {b} have different ranks; reshape one with a View first")
    for x, y in zip(a, b, strict=True):
        if x != y and 1 not in (x, y):
            raise ValueError(f"shapes {a} and {b} do not broadcast")
    return tuple(max(x, y) for x, y in zip(a, b, strict=True))

"""``Op``: what a node computes, and everything that anybody needs to know of it, once. Frozen, no tensors, no torch.

From shapes and kinds alone (without the batch dimension) an op says

* ``shape(*inputs)``             the shape of its value
* ``kind(*kinds)``               is its value real, a spike, or an integer?
* ``clock(*clocks)``             how often it is computed
* ``macs(out, *inputs)``         dense multiply-accumulates
* ``multiplies(out, *inputs)``   every real multiplication, MACs included; ``parts`` says what drives them
* ``fanout(*inputs)``            how many synapses one spike of its data input drives (weighted ops only)
* ``tables()``                   its parameters and buffers: suffix of the state-dict key -> shape
* ``meaning(*arrays, **tables)`` its value, in a few lines of numpy: the reference that every lowering is held against

* ``touched(changed, inputs)``   which elements of its value can change, where elements of its inputs did

and by its traits: ``events_on``, ``weighted``, ``product``, ``linear_in``, ``moves``, ``hoists``. No list of ops is
kept anywhere else; ``REGISTRY`` fills itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.choices import check_choices
from graph.values import ONE, REAL, Clock, Kind, Shape, Unit

Array = NDArray[Any]
REGISTRY: dict[str, type[Op]] = {}


@dataclass(frozen=True)
class Fanout:
    """Synapses driven by one spike at (row, column): ``rows[r] * columns[c] * channels``; separable, so exact."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    channels: int

    def reach(self) -> Array:
        """Of every element: [H, W], or of all alike: [1]."""
        rows, columns = np.array(self.rows, np.float32), np.array(self.columns, np.float32)
        local = len(rows) > 1 or len(columns) > 1
        reach: Array = (rows[:, None] * columns if local else rows * columns) * self.channels
        return reach


@dataclass(frozen=True)
class Part:
    """A part of an op's multiplies. ``reason``: why real multiplications are left; empty where counts drive them.
    ``macs``: how many of them a flop counter would see. ``label``: what it is, where an op has several parts."""

    multiplies: int
    reason: str = ""
    macs: int = 0
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Op:
    """Base of all ops. Traits, for all nodes of the type:

    ``events_on``: the arguments that should be spikes in a spiking network; ``weighted``: it has a weight a synapse, so
    an event adds weights; ``product``: it multiplies values, so counts are added up over the steps before they meet
    (product by product, step by step, costs 10 to 14 mIoU points); ``timed``: it reads or makes several
    steps, so its meaning is told ``steps``; ``linear_in``: the arguments in which it is linear,
    the others held; ``elementwise``: an element of its value reads the elements at its own place alone, broadcast;
    ``reason``: why its multiplies are left when no counts drive them; ``buffers``: those of its
    ``tables`` that no gradient learns; ``foldable``: at inference it is a x + c, with one a and c per channel of its
    ``axis``; ``abstract``: never a node.
    """

    events_on: ClassVar[tuple[int, ...]] = ()
    arity: ClassVar[int | None] = 1
    weighted: ClassVar[bool] = False
    product: ClassVar[bool] = False
    timed: ClassVar[bool] = False
    linear_in: ClassVar[tuple[int, ...]] = ()
    elementwise: ClassVar[bool] = False
    reason: ClassVar[str] = ""
    buffers: ClassVar[tuple[str, ...]] = ()
    abstract: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        if not cls.__dict__.get("abstract", False):
            cls.abstract = False
            REGISTRY[cls.__name__] = cls

    def __post_init__(self) -> None:
        check_choices(self)

    # ---- layout -----------------------------------------------------------------------------------------------------
    @property
    def moves(self) -> bool:
        """Is every element of its value an element of its inputs, or zero? Counts then stay counts of one unit."""
        return False

    @property
    def hoists(self) -> bool:
        """May a neuron be computed above it instead of below: fire(op(x)) = op(fire(x))?"""
        return False

    @property
    def chooses(self) -> bool:
        """Which elements of its inputs it moves depends on their values (a maximum)."""
        return False

    @property
    def foldable(self) -> bool:
        return False

    @property
    def carries(self) -> bool:
        """op(u x) = u op(x), for inputs of one unit u: what it makes of counts has their unit."""
        return self.moves

    # ---- from shapes and kinds --------------------------------------------------------------------------------------
    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return 0

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return self.macs(out, *inputs)

    def parts(self, kinds: tuple[Kind, ...], out: Shape, *inputs: Shape) -> tuple[Part, ...]:
        """Its multiplies, by what drives them; together they are ``multiplies``."""
        total = self.multiplies(out, *inputs)
        return (Part(total, self.reason or f"real arithmetic of {type(self).__name__}"),) if total else ()

    def fanout(self, *inputs: Shape) -> Fanout:
        raise TypeError(f"{type(self).__name__} has no synapses, so a spike has no fan-out in it")

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        return REAL

    def clock(self, *clocks: Clock) -> Clock:
        return max(clocks, default=Clock.ONCE)

    # ---- its tables -------------------------------------------------------------------------------------------------
    def tables(self) -> Mapping[str, Shape]:
        """Suffix of the state-dict key -> shape, of every parameter and buffer that its ``meaning`` reads."""
        return {}

    def parameters(self) -> int:
        """How many of its numbers are learnt."""
        return sum(size(shape) for suffix, shape in self.tables().items() if suffix not in self.buffers)

    def keywords(self) -> Mapping[str, bool]:
        """What a node says to its module at each call beside its inputs; nodes that share a module may differ in it."""
        return {}

    # ---- its value --------------------------------------------------------------------------------------------------
    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        """Its value, from arrays [B, ...] with a leading batch axis (1 for what is static), and its tables by suffix.

        An op that is ``Scaled`` is also given the number ``unit``; one that is ``timed``, how many ``steps``.
        No batch statistics, no dropout: inference."""
        raise TypeError(f"{type(self).__name__} does not say what it means, expected a method meaning")

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        """[rows, ...] bool: the elements of its value that can differ from a frame ago, where those of its inputs do;
        ``inputs`` are those of now. Where an op does not say it closer, a row of the batch changes as a whole."""
        if self.elementwise:
            together: Array = np.logical_or.reduce(np.broadcast_arrays(*changed))
            return together
        if self.carries:  # moves, means and maxima: what reads a changed element holds something of it
            return self.meaning(*(c.astype(np.float32) for c in changed)) != 0
        rows = max(map(len, changed))
        any_of_row = np.zeros(rows, bool)
        for c in changed:
            any_of_row |= c.reshape(len(c), -1).any(1)
        shape = self.shape(*(c.shape[1:] for c in changed))
        return np.broadcast_to(any_of_row.reshape(-1, *(1 for _ in shape)), (rows, *shape))


def rows_touched(changed: Array) -> Array:
    """Of a function of the last axis: all of it, where any of it changed."""
    return np.broadcast_to(changed.any(-1, keepdims=True), changed.shape)


@dataclass(frozen=True, kw_only=True)
class Scaled(Op):
    """An op that takes the unit of the counts it reads into itself: into its weights, its thresholds or its product.

    ``unit`` belongs to the node, not to what it shares with others, so it is left out of equality."""

    abstract: ClassVar[bool] = True
    unit: Unit = field(default=ONE, compare=False)


class Keep:
    """Mixin: the value is of the same kind as the first input (a layout change, not arithmetic)."""

    @property
    def moves(self) -> bool:
        return True

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
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


__all__ = ["REGISTRY", "Array", "Fanout", "Keep", "Op", "Part", "Scaled", "broadcast", "rows_touched", "size"]

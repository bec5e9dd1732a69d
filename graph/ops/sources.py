"""Where values come from and where they leave: ``Input``, ``Param``, ``Const``, ``Output``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graph.ops.base import Keep, Op, size
from graph.values import Clock, Shape


@dataclass(frozen=True, kw_only=True)
class Input(Op):
    """A tensor from the task, one per frame. ``grid`` > 0 says that its values are multiples of 2**-grid."""

    arity: ClassVar[int | None] = 0
    dims: Shape
    grid: int = 0

    def shape(self, *inputs: Shape) -> Shape:
        return self.dims


@dataclass(frozen=True, kw_only=True)
class Param(Op):
    """A learnt tensor that is a value of its own (queries, level embeddings). Static."""

    arity: ClassVar[int | None] = 0
    dims: Shape
    init: str = "normal"

    def shape(self, *inputs: Shape) -> Shape:
        return self.dims

    def clock(self, *clocks: Clock) -> Clock:
        return Clock.STATIC

    def parameters(self) -> int:
        return size(self.dims)


@dataclass(frozen=True, kw_only=True)
class Const(Op):
    """A recipe for a fixed tensor (``sine`` positions, ``reference`` points). Static, never in a state dict."""

    arity: ClassVar[int | None] = 0
    recipe: str
    dims: Shape
    levels: tuple[Shape, ...] = ()

    def shape(self, *inputs: Shape) -> Shape:
        return self.dims

    def clock(self, *clocks: Clock) -> Clock:
        return Clock.STATIC


@dataclass(frozen=True, kw_only=True)
class Output(Keep, Op):
    """y = x, under a name. A ``training`` output leaves no trace in ``lower(..., outputs=["mask"])``."""

    training: bool = False

"""Where values come from and where they leave: ``Input``, ``Param``, ``Const``, ``Output``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from graph.ops.base import Array, Keep, Op
from graph.ops.recipes import RECIPES, Recipe
from graph.ops.weighted import Init
from graph.values import Clock, Shape


@dataclass(frozen=True, kw_only=True)
class Input(Op):
    """A tensor from the task, one per frame. ``grid`` > 0 says that its values are multiples of 2**-grid."""

    arity: ClassVar[int | None] = 0
    dims: Shape
    grid: int = 0

    def shape(self, *inputs: Shape) -> Shape:
        return self.dims

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        """Of the value that whoever runs the graph hands in."""
        return inputs[0]


@dataclass(frozen=True, kw_only=True)
class Param(Op):
    """A learnt tensor that is a value of its own (queries, level embeddings). Static."""

    arity: ClassVar[int | None] = 0
    dims: Shape
    init: Init = "normal"

    def shape(self, *inputs: Shape) -> Shape:
        return self.dims

    def clock(self, *clocks: Clock) -> Clock:
        return Clock.STATIC

    def tables(self) -> Mapping[str, Shape]:
        return {"": self.dims}

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return tables["value"][None]


@dataclass(frozen=True, kw_only=True)
class Const(Op):
    """A recipe for a fixed tensor (``sine`` positions, ``reference`` points). Static, never in a state dict."""

    arity: ClassVar[int | None] = 0
    recipe: Recipe
    dims: Shape
    levels: tuple[Shape, ...] = ()

    def shape(self, *inputs: Shape) -> Shape:
        return self.dims

    def clock(self, *clocks: Clock) -> Clock:
        return Clock.STATIC

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return RECIPES[self.recipe](self.dims, self.levels)[None]


@dataclass(frozen=True, kw_only=True)
class Output(Keep, Op):
    """y = x, under a name. A ``training`` output leaves no trace in ``lower(..., outputs=["mask"])``."""

    training: bool = False

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0]

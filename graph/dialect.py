"""``Dialect``: what the ops *mean* to torch, kept apart from what the network *is*. A table, and who computes neurons.

A factory takes an op and returns a module (it has parameters or a state), a parameter, or a ``Call`` (a plain function,
so that the lowered code shows ``a + b`` and not a module that wraps it). Where the kinds of the operands decide, or T,
it takes a ``Place`` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.ops import Op
from graph.values import Kind


@dataclass(frozen=True)
class Call:
    """``fn(*inputs, *args, **kwargs)``; ``star`` packs the inputs into one list, as ``torch.cat`` wants. ``kernel``:
    the compiled kernel that it runs on, or why there is none; empty where nobody would expect one."""

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    star: bool = False
    kernel: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an op stands: the ``kinds`` of its operands, the graph's T, who computes neurons (a
    ``layers.neurons.Backend``), and whether its value is one of each step."""

    kinds: tuple[Kind, ...]
    steps: int
    backend: Any
    stepped: bool = True


Factory = Callable[[Any], Any]


@dataclass(frozen=True)
class Placed:
    """A factory that also wants to know where the op stands."""

    fn: Callable[[Any, Place], Any]


@dataclass(frozen=True)
class Dialect:
    name: str
    table: Mapping[type[Op], Factory | Placed]
    backend: Any = None

    def __or__(self, other: Dialect) -> Dialect:
        """``self`` with the rows of ``other`` in place of its own."""
        return Dialect(other.name, {**self.table, **other.table}, other.backend or self.backend)

    def make(self, node: str, op: Op, place: Place) -> Any:
        factory = self.table.get(type(op))
        if factory is None:
            raise ValueError(f"node '{node}': dialect '{self.name}' has no row for {type(op).__name__}")
        return factory.fn(op, place) if isinstance(factory, Placed) else factory(op)


DIALECTS: dict[str, Dialect] = {}


def register(dialect: Dialect) -> Dialect:
    """A dialect that a saved network may name."""
    DIALECTS[dialect.name] = dialect
    return dialect

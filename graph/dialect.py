"""``Dialect``: a table from op type to a factory. What the ops *mean*, kept apart from what the network *is*.

A factory takes an op and returns a module (it has state or parameters), or a ``Call`` (a plain function, so that the
lowered code shows ``a + b`` and not a module that wraps it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.ops import Op


@dataclass(frozen=True)
class Call:
    """``fn(*inputs, *args, **kwargs)``; ``star`` packs the inputs into one list, as ``torch.cat`` wants."""

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    star: bool = False


Factory = Callable[[Any], Any]


@dataclass(frozen=True)
class Dialect:
    name: str
    table: Mapping[type[Op], Factory]

    def __or__(self, other: Dialect) -> Dialect:
        """``self`` with the rows of ``other`` in place of its own."""
        return Dialect(other.name, {**self.table, **other.table})

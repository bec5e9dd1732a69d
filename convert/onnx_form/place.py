"""What an emitter knows of the node that it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convert.onnx_form.builder import Builder
from graph.ops import Op
from graph.values import Shape


@dataclass(frozen=True, kw_only=True)
class Place:
    """``args``: names of ONNX values; ``shapes``: of those, rows left out; ``static``: they have one row for all;
    ``shape``: of its own value; ``tables``: its numbers by suffix, as its op's ``meaning`` is given them."""

    args: tuple[str, ...]
    shapes: tuple[Shape, ...]
    static: tuple[bool, ...]
    shape: Shape
    tables: Mapping[str, Any]

    @property
    def unit(self) -> float:
        return float(self.tables.get("unit", 1.0))


# Op -> what writes it, and returns the name of its value.
Table = dict[type[Op], Callable[[Builder, Any, Place], str]]

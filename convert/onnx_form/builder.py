"""Nodes and constants of an ONNX graph, while it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graph.ops import Array

FLOAT = onnx.TensorProto.FLOAT
QONNX_DOMAIN = "qonnx.custom_op.general"


@dataclass
class Builder:
    """``add`` and ``constant`` return the name of a value. ``multithreshold``: sites are QONNX's nodes. ``quantised``:
    values are rounded where the graph says so, as in every network that has sites and in no other."""

    multithreshold: bool = False
    quantised: bool = True
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    prefix: str = ""

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"{self.prefix}/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A number or an array; equal ones are kept once."""
        array = np.array(value, dtype, order="C")
        digest = sha256(array.tobytes()).hexdigest()[:16]  # the same in every process
        key = f"{array.dtype}{list(array.shape)}:{digest}"
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, key)
        return key

    def whole(self, values: Sequence[int] | int) -> str:
        return self.constant(values, np.int64)

    # ---- what many ops need -----------------------------------------------------------------------------------------
    def reshape(self, x: str, *shape: int) -> str:
        """Of what follows the rows of the batch, which stay."""
        return self.add("Reshape", x, self.whole([0, *shape]))

    def times(self, x: str, factor: float | Array) -> str:
        return x if np.all(np.asarray(factor) == 1) else self.add("Mul", x, self.constant(factor))

    def plus(self, x: str, term: float | Array) -> str:
        return x if np.all(np.asarray(term) == 0) else self.add("Add", x, self.constant(term))

    def taken(self, x: str, places: Sequence[int] | Array, axis: int) -> str:
        """``axis``: of the array, its rows included."""
        return self.add("Gather", x, self.whole(np.asarray(places).tolist()), axis=axis)

    def one(self, x: str, place: int, axis: int) -> str:
        """One element along an axis, which is gone then."""
        return self.add("Gather", x, self.whole(place), axis=axis)

    def cut(self, x: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        return self.add("Slice", x, *(self.whole([v]) for v in (start, stop, axis, step)))

    def as_float(self, x: str) -> str:
        return self.add("Cast", x, to=FLOAT)

    def rows_of(self, x: str, like: str, rank: int) -> str:
        """What is static, once for every row of ``like``. ``rank``: of ``x``, rows included."""
        rows = self.add("Shape", like, start=0, end=1)
        return self.add("Expand", x, self.add("Concat", rows, self.whole([1] * (rank - 1)), axis=0))

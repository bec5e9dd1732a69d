"""``Mask``: masked attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graph.ops.base import Array, Op

BLOCKED = -1e4  # nothing is left of it behind a softmax, and a membrane that integrates it stays a number


@dataclass(frozen=True, kw_only=True)
class Mask(Op):
    """y = x where mask >= threshold, far below zero elsewhere; a row that is masked whole is left open."""

    arity: ClassVar[int | None] = 2
    threshold: float = 0.5

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        x, mask = changed
        return np.logical_or(x, mask.any(-1, keepdims=True))

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        x, mask = inputs
        keep = mask >= np.float32(self.threshold)
        keep = keep | ~keep.any(-1, keepdims=True)
        return np.where(keep, x, np.float32(BLOCKED))

"""``Scale``: the value that counts stand for, where no reader takes their unit into itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graph.ops.base import Array, Scaled


@dataclass(frozen=True, kw_only=True)
class Scale(Scaled):
    """y = unit x. It multiplies nothing that costs: a step that no weight takes in is a power of two, so this shifts
    exponents (``graph.passes.spikify`` sees to it)."""

    linear_in: ClassVar[tuple[int, ...]] = (0,)
    elementwise: ClassVar[bool] = True

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        return inputs[0] * np.float32(unit)

"""A launch's arguments as bytes: eight for each, whatever its type. Both backends read them from there."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

SLOT = {float: "f4x", int: "q"}


def packed(args: Sequence[object]) -> bytes:
    """A tensor is a pointer, None a null pointer, an int a ``long long``, a float a ``float``."""
    values = [0 if a is None else a.data_ptr() if isinstance(a, Tensor) else a for a in args]
    return struct.pack("=" + "".join(SLOT[type(v)] for v in values), *values)


@cache
def pointers(count: int) -> Callable[..., bytes]:
    """Packs so many addresses, 0 for none."""
    return struct.Struct(f"={count}q").pack

"""``launch(build, kernel, grid, block, args, device)``: the same call for every device; ``prepared``: the same without
the arguments' pointers, which stand first and are handed in later.

An argument is a tensor or None (a pointer), an int (``long long``) or a float (``float``): kernels take nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from kernels import cpu_backend, cupy_backend
from kernels.source import Build

BACKENDS = {"cpu": cpu_backend.launch, "cuda": cupy_backend.launch}
PREPARED = {"cpu": cpu_backend.prepared, "cuda": cupy_backend.prepared}


def launch(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, args: Sequence[object], device: torch.device
) -> None:
    BACKENDS[device.type](what, kernel, grid, block, args, device)


def prepared(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, numbers: Sequence[float], device: torch.device
) -> Callable[..., None]:
    """The launch as a function of its pointers; ``numbers``, ints and floats, are the arguments behind them."""
    return PREPARED[device.type](what, kernel, grid, block, numbers, device)

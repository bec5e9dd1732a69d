"""``launch(build, kernel, grid, block, args, device)``: the same call for every device.

An argument is a tensor or None (a pointer), an int (``long long``) or a float (``float``): kernels take nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kernels import cpu_backend, cupy_backend
from kernels.source import Build

BACKENDS = {"cpu": cpu_backend.launch, "cuda": cupy_backend.launch}


def launch(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, args: Sequence[object], device: torch.device
) -> None:
    BACKENDS[device.type](what, kernel, grid, block, args, device)

"""Kernel sources on a GPU: compiled by CuPy's NVRTC for the current device, launched on torch's current stream.

Nothing is copied from the host: pointers and numbers travel in the launch itself, outputs come from torch's allocator,
so that a launch can be captured in a CUDA graph once its build is there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kernels.source import Build


def installed() -> bool:
    return importlib.util.find_spec("cupy") is not None


def include_folder() -> str:
    """Where ``cuda_fp16.h`` is: in the package nvidia-cuda-runtime, which torch itself needs."""
    found = importlib.util.find_spec("nvidia.cu13")
    places = list(found.submodule_search_locations or ()) if found else []
    for place in places:
        if Path(place, "include", "cuda_fp16.h").exists():
            return str(Path(place, "include"))
    raise RuntimeError("cuda_fp16.h was not found; install the extra 'cuda' (nvidia-cuda-runtime 13.0)")


def options(what: Build) -> tuple[str, ...]:
    return ("--std=c++17", f"-I{include_folder()}", *what.defines)


@cache
def function(what: Build, kernel: str, device: int) -> Any:
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=what.text, options=options(what), backend="nvrtc").get_function(kernel)


def packed(arg: object) -> np.generic:
    if isinstance(arg, Tensor):
        return np.uintp(arg.data_ptr())
    if arg is None:
        return np.uintp(0)
    return np.float32(arg) if isinstance(arg, float) else np.int64(arg)  # type: ignore[arg-type]


def launch(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, args: Sequence[object], device: torch.device
) -> None:
    import cupy

    index = torch.cuda.current_device() if device.index is None else device.index
    stream = torch.cuda.current_stream(index).cuda_stream
    with cupy.cuda.Device(index), cupy.cuda.ExternalStream(stream, index):
        function(what, kernel, index)(grid, (block, 1, 1), tuple(packed(a) for a in args))

"""Memory of a process: keep what a training step frees, since the next one asks for the same hundreds of megabytes; and
how much was the most.

glibc gives large blocks back to the system at once, and every page of the next step is then a page fault: a tenth of a
step of the tiny network on a CPU, sometimes a fifth. Two of its settings (``mallopt(3)``) make it keep them.
"""

from __future__ import annotations

import ctypes
import platform
import resource

import torch

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # names of mallopt's parameters


def keep_freed_memory() -> bool:
    """Is it so now? Only glibc has the settings."""
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(MMAP_MAX, 0)) and bool(libc.mallopt(TRIM_THRESHOLD, -1))


def most_memory(device: torch.device) -> float:
    """Megabytes that this process has held at most so far: of the GPU's memory, else of the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6

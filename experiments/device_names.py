"""What a device may be called, and whether there can be a GPU at all: asked before torch is imported."""

from __future__ import annotations

import ctypes
from importlib.metadata import version

from experiments.errors import unknown

AUTO = "auto"
NAMES = (AUTO, "cpu", "cuda", "cuda:0")
DRIVER = "libcuda.so.1"


def check(name: str) -> None:
    kind, colon, index = name.partition(":")
    if kind not in NAMES[:3] or (colon and not (kind == "cuda" and index.isdigit())):
        raise unknown("device", name, NAMES)


def _driver() -> bool:
    """Whether the driver's library is there, without which torch finds no device. A torch for other GPUs needs none."""
    if "rocm" in version("torch"):
        return True
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def cuda_devices() -> int:
    """How many there are."""
    if not _driver():
        return 0
    # Only where there is a driver, and a device was asked for: importing torch takes longer than a sentence should.
    from torch.cuda import device_count, is_available

    return device_count() if is_available() else 0

"""Where a compiled kernel stands in for plain torch: decided for each kind of device when a module is built.

Types that the kernels do not have (float64) keep to the reference.
"""

from __future__ import annotations

from torch import Tensor

from kernels.io_types import IO
from kernels.selection import BACKEND_OF, selection


def compiled_on() -> tuple[str, ...]:
    """The kinds of device that have kernels here and now."""
    return tuple(device for device in BACKEND_OF if selection(device).compiled)


def named(kernel: str, devices: tuple[str, ...]) -> str:
    """The kernel's name, or why there is none on this machine's devices."""
    if devices:
        return kernel
    return "none: " + "; ".join(f"{device}: {selection(device).why}" for device in BACKEND_OF)


def runs(x: Tensor, devices: tuple[str, ...]) -> bool:
    return x.device.type in devices and x.dtype in IO

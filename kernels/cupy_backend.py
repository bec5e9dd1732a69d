"""Kernel sources on a GPU: ``nvrtc`` compiles, CuPy loads and launches on torch's current stream and device.

A launch copies nothing from the host: pointers and numbers travel in the launch itself, so that a CUDA graph can hold
it once its build is loaded. The arguments go straight to the driver, as an array of pointers to 8-byte slots: CuPy's
own way makes an object of each of twenty, several microseconds a launch.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from kernels import nvrtc
from kernels.arguments import packed, pointers
from kernels.source import Build

SLOT_BYTES = 8
OLDEST = 14  # of CuPy, the first that was tried


def missing() -> str | None:
    """Why no kernel can run on this machine's GPU, or None. Looks at what is installed, then at the GPU."""
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed; {nvrtc.EXTRA}"
    try:
        import cupy
    except ImportError as error:
        return f"CuPy could not be imported ({error}); {nvrtc.EXTRA}"
    if int(cupy.__version__.split(".")[0]) < OLDEST:
        return f"CuPy is {cupy.__version__}, expected {OLDEST} or newer; {nvrtc.EXTRA}"
    reason = nvrtc.missing()
    if reason is None and torch.cuda.is_available():
        arch, known = arch_of(torch.cuda.current_device()), nvrtc.architectures()
        if arch not in known:
            return f"the GPU is {arch}, NVRTC compiles for {known[0]} to {known[-1]}"
    return reason


def arch_of(device: int) -> str:
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm_{major}{minor}"


@cache
def module(what: Build, device: int) -> Any:
    """Loaded on ``device``, which has to be the current one. A process of many touches no other."""
    if torch.cuda.is_current_stream_capturing():
        raise RuntimeError(f"{what.file} is not loaded yet while a CUDA graph is captured; run the step once before")
    import cupy

    return cupy.RawModule(path=str(nvrtc.kept(what, arch_of(device))))


@dataclass(frozen=True)
class Entry:
    """A kernel on a device. ``owner`` keeps its module loaded."""

    launch: Callable[..., None]
    pointer: int
    owner: Any


@cache
def entry(what: Build, kernel: str, device: int) -> Entry:
    loaded = module(what, device)
    import cupy

    owner = loaded.get_function(kernel)
    return Entry(cupy.cuda.driver.launchKernel, owner.kernel.ptr, owner)


class Frame:
    """Room for the arguments of one launch, and pointers to them."""

    def __init__(self, count: int) -> None:
        self.slots = ctypes.create_string_buffer(max(count, 1) * SLOT_BYTES)
        self.start = ctypes.addressof(self.slots)
        self.pointers = (ctypes.c_void_p * count)(*(self.start + n * SLOT_BYTES for n in range(count)))
        self.address = ctypes.addressof(self.pointers)

    def fill(self, block: bytes) -> int:
        """Where the pointers are. The driver copies what they point to before the launch returns."""
        ctypes.memmove(self.start, block, len(block))
        return self.address


class _OfThread(threading.local):
    """Frames are filled while no other thread looks; autograd launches from a thread of its own."""

    def __init__(self) -> None:
        self.frames: dict[int, Frame] = {}
        self.entered: set[int] = set()


_mine = _OfThread()


def frame(count: int) -> Frame:
    if count not in _mine.frames:
        _mine.frames[count] = Frame(count)
    return _mine.frames[count]


def enter(device: int) -> None:
    """A new thread has no CUDA context until something of the runtime gives it one; the driver's launch does not."""
    if device not in _mine.entered:
        import cupy

        cupy.cuda.Device(device).use()
        _mine.entered.add(device)


def _launch(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, args: Sequence[object], device: int
) -> None:
    enter(device)
    _send(entry(what, kernel, device), grid, block, packed(args), device)


def _send(loaded: Entry, grid: tuple[int, int, int], block: int, arguments: bytes, device: int) -> None:
    stream = torch._C._cuda_getCurrentRawStream(device)  # current_stream() would make an object of it
    place = frame(len(arguments) // SLOT_BYTES).fill(arguments)
    loaded.launch(loaded.pointer, *grid, block, 1, 1, 0, stream, place, 0)


def launch(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, args: Sequence[object], device: torch.device
) -> None:
    """Run ``kernel`` over ``grid`` blocks of ``block`` threads. The tensors have to be on ``device``."""
    if 0 in grid:
        return  # the driver refuses it
    current = torch.cuda.current_device()
    index = current if device.index is None else device.index
    if index == current:
        _launch(what, kernel, grid, block, args, index)
    else:
        with torch.cuda.device(index):
            _launch(what, kernel, grid, block, args, index)


def prepared(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, numbers: Sequence[float], device: torch.device
) -> Callable[..., None]:
    index = torch.cuda.current_device() if device.index is None else device.index
    last = packed(numbers)

    @cache
    def loaded() -> Entry:
        return entry(what, kernel, index)

    def send(addresses: tuple[int, ...]) -> None:
        enter(index)
        _send(loaded(), grid, block, pointers(len(addresses))(*addresses) + last, index)

    def run(*addresses: int) -> None:
        if 0 in grid:
            return
        if torch.cuda.current_device() == index:
            send(addresses)
        else:
            with torch.cuda.device(index):
                send(addresses)

    return run

"""A CUDA device that is not there: what CuPy and torch.cuda were asked to do is written down, nothing is run."""

from __future__ import annotations

import ctypes
import struct
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from kernels import cupy_backend, nvrtc

STREAMS = {0: 7000, 1: 7001}  # torch's current stream on either device
SLOTS = {"p": "=Q", "q": "=q", "f": "=f4x"}


@dataclass
class Launch:
    """As the driver got it; ``device`` is the current one at that moment."""

    function: int
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared: int
    stream: int
    slots: list[bytes]
    device: int

    def values(self, kinds: str) -> list[Any]:
        """``kinds``: what the kernel takes, a letter an argument: p pointer, q long long, f float."""
        return [struct.unpack(SLOTS[kind], slot)[0] for kind, slot in zip(kinds, self.slots, strict=True)]


@dataclass
class Machine:
    """Two GPUs, torch's current device, and everything that was asked."""

    current: int = 0
    capturing: bool = False
    arguments: int = 0  # of the kernel that is launched next: a real driver knows it from the code
    launches: list[Launch] = field(default_factory=list)
    loaded: list[tuple[str, int]] = field(default_factory=list)  # (file, device)
    entered: list[int] = field(default_factory=list)  # devices that CuPy was told to use
    functions: dict[int, str] = field(default_factory=dict)  # pointer -> kernel

    def raw_module(self, *, path: str) -> Any:
        self.loaded.append((path, self.current))

        def get_function(name: str) -> Any:
            pointer = 100 + len(self.functions)
            self.functions[pointer] = name
            return SimpleNamespace(kernel=SimpleNamespace(ptr=pointer))

        return SimpleNamespace(get_function=get_function)

    def use(self, device: int) -> Any:
        return SimpleNamespace(use=lambda: self.entered.append(device))

    def launch_kernel(
        self,
        function: int,
        gx: int,
        gy: int,
        gz: int,
        bx: int,
        by: int,
        bz: int,
        shared: int,
        stream: int,
        params: int,
        extra: int,
    ) -> None:
        assert extra == 0
        pointers = (ctypes.c_void_p * self.arguments).from_address(params)
        slots = [ctypes.string_at(p or 0, 8) for p in pointers]
        self.launches.append(Launch(function, (gx, gy, gz), (bx, by, bz), shared, stream, slots, self.current))

    @contextmanager
    def device(self, index: int):
        before, self.current = self.current, index
        yield
        self.current = before


def cupy_module(machine: Machine, version: str = "14.2.0") -> ModuleType:
    made = ModuleType("cupy")
    made.__spec__ = ModuleSpec("cupy", None)
    vars(made).update(
        __version__=version,
        RawModule=machine.raw_module,
        cuda=SimpleNamespace(Device=machine.use, driver=SimpleNamespace(launchKernel=machine.launch_kernel)),
    )
    return made


def forget() -> None:
    """What the backend remembers of a machine."""
    cupy_backend.module.cache_clear()
    cupy_backend.entry.cache_clear()
    cupy_backend._mine.frames.clear()
    cupy_backend._mine.entered.clear()


def install(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setitem(sys.modules, "cupy", cupy_module(machine))
    monkeypatch.setattr(nvrtc, "kept", lambda what, arch: f"{what.file}-{arch}.cubin")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: machine.current)
    monkeypatch.setattr(torch.cuda, "device", machine.device)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: machine.capturing)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, device))
    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", STREAMS.__getitem__, raising=False)
    return machine

"""Kernel sources as GPU code, by NVRTC: the compiler that comes with a CUDA torch. It needs neither a GPU nor a driver.

CuPy could compile too, but it adds -ftz=true to every build: subnormal numbers would become zero, and spikes would not
be torch's, bit for bit. So the code is made here, and CuPy loads it; what the tests look at is what runs.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from common.files import write_whole
from kernels.kept import CompileError, cache_folder
from kernels.source import Build

log = logging.getLogger(__name__)

EXTRA = "install the extra 'cuda'"
# ptxas reports what each kernel uses; the code is the same without it.
FLAGS = ("--std=c++17", "--ftz=false", "--ptxas-options=-v")
HEADER = "cuda_bf16.h"

_ENTRY = re.compile(r"Compiling entry function '(\w+)'")
_SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a thread of a kernel needs; everything but ``registers`` in bytes, ``shared`` for its whole block."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """``usage`` by kernel."""

    cubin: bytes
    ptx: str
    usage: Mapping[str, Usage]
    log: str

    def ptx_of(self, kernel: str) -> str:
        """The PTX between the entry's name and the end of its body."""
        return self.ptx.split(f".entry {kernel}(", 1)[1].split("\n}", 1)[0]


def _bindings() -> Any:
    """The Python face of NVRTC. Imported here only: a torch without CUDA does not bring it."""
    from cuda.bindings import nvrtc

    return nvrtc


def _places() -> list[Path]:
    """Where CUDA's headers may be: with the packages that torch needs itself, or in a toolkit."""
    package = importlib.util.find_spec("nvidia")
    packages = [Path(p, "cu13") for p in (package.submodule_search_locations or ())] if package else []
    toolkits = [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    return [place / "include" for place in (*packages, *toolkits, Path("/usr/local/cuda"))]


def include_folder() -> Path:
    for place in _places():
        if (place / HEADER).exists():
            return place
    looked = ", ".join(map(str, _places()))
    raise CompileError(f"{HEADER} was looked for in {looked} and not found; {EXTRA}, or set CUDA_HOME to a toolkit 13")


@cache
def version() -> tuple[int, int]:
    """NVRTC's own. Raises CompileError if there is none."""
    if importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.bindings") is None:
        raise CompileError(f"the package cuda-bindings, which calls NVRTC, is not installed; {EXTRA}")
    try:
        status, major, minor = _bindings().nvrtcVersion()
    except (ImportError, RuntimeError) as error:  # libnvrtc itself is loaded by the first call
        raise CompileError(f"NVRTC could not be loaded ({error}); {EXTRA}") from error
    if int(status) or major < 13:
        raise CompileError(f"NVRTC is {major}.{minor}, expected 13.0 or newer; {EXTRA}")
    return major, minor


@cache
def architectures() -> tuple[str, ...]:
    """That NVRTC can compile for: ("sm_75", ..., "sm_90", ...)."""
    version()
    return tuple(f"sm_{n}" for n in _bindings().nvrtcGetSupportedArchs()[1])


def missing() -> str | None:
    """Why nothing can be compiled here, or None."""
    try:
        version(), include_folder()
    except CompileError as error:
        return str(error)
    return None


def options(what: Build, arch: str) -> tuple[str, ...]:
    return (*FLAGS, f"--gpu-architecture={arch}", f"-I{include_folder()}", *what.defines)


def usage_of(log: str) -> dict[str, Usage]:
    """From the report of ptxas: a section for each kernel."""
    usage = {}
    sections = _ENTRY.split(log)[1:]
    for kernel, text in zip(sections[::2], sections[1::2], strict=True):
        spills, registers, shared = _SPILLS.search(text), _REGISTERS.search(text), _SHARED.search(text)
        if spills is None or registers is None:
            raise CompileError(f"the report of ptxas on '{kernel}' was not understood:\n{text}")
        stack, stores, loads = map(int, spills.groups())
        usage[kernel] = Usage(
            registers=int(registers[1]),
            stack=stack,
            spill_stores=stores,
            spill_loads=loads,
            shared=int(shared[1]) if shared else 0,
        )
    return usage


def _output(nvrtc: Any, program: Any, what: str) -> bytes:
    """A text or binary of the program: NVRTC fills a buffer of the size that it names."""
    buffer = b"\0" * getattr(nvrtc, f"nvrtcGet{what}Size")(program)[1]
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer


def compiled(what: Build, arch: str) -> Compiled:
    """``arch``: a real one, such as "sm_90"."""
    if arch not in architectures():
        can = f"{architectures()[0]} to {architectures()[-1]}"
        raise CompileError(
            f"the architecture is '{arch}', but NVRTC {'.'.join(map(str, version()))} compiles for {can}"
        )
    nvrtc, flags = _bindings(), [option.encode() for option in options(what, arch)]
    program = nvrtc.nvrtcCreateProgram(what.text.encode(), what.file.encode(), 0, [], [])[1]
    try:
        (status,) = nvrtc.nvrtcCompileProgram(program, len(flags), flags)
        log = _output(nvrtc, program, "ProgramLog").decode().rstrip("\0")
        if int(status):
            raise CompileError(f"NVRTC could not compile {what.file} for {arch}:\n{log[:4000]}")
        cubin, ptx = _output(nvrtc, program, "CUBIN"), _output(nvrtc, program, "PTX").decode().rstrip("\0")
    finally:
        nvrtc.nvrtcDestroyProgram(program)
    return Compiled(cubin=cubin, ptx=ptx, usage=usage_of(log), log=log)


def kept(what: Build, arch: str) -> Path:
    """The cubin of ``what`` as a file, compiled if the cache lacks it; processes may ask for the same one at once."""
    key = what.key(arch, str(version()), str(include_folder()), *FLAGS)
    done = cache_folder() / f"{Path(what.file).stem}-{arch}-{key}.cubin"
    if not done.exists():
        log.info("compiling %s for %s: %s", what.file, arch, " ".join(what.defines))
        write_whole(done, compiled(what, arch).cubin)
    return done

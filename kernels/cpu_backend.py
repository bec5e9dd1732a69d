"""Kernel sources on the CPU: built with g++ (or ``$CXX``) and OpenMP on first use, kept in a cache, loaded by ctypes.

A build appears under its name as a whole, so two processes may build the same one at once.
The instruction set is the one that torch found on this machine; it is part of the key, as are compiler and flags.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch

from common.files import write_whole
from kernels.arguments import packed, pointers
from kernels.kept import CompileError, cache_folder
from kernels.source import Build, text_of

log = logging.getLogger(__name__)

ISA = {
    "AVX512": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
    "AVX2": ("-march=x86-64-v3",),
}
# -ffp-contract=off: a recomputed spike must be the spike, bit for bit. -fno-trapping-math and -fno-math-errno change no
# value and let selects become vectors. gnu2: the thread's index is a thread-local, and this is its fast access.
FLAGS = (
    "-std=c++17",
    "-O3",
    "-shared",
    "-fPIC",
    "-fopenmp",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-w",
)


@cache
def compiler() -> str | None:
    """The C++ compiler's path."""
    wanted = os.environ.get("CXX")
    return shutil.which(wanted) if wanted else shutil.which("g++") or shutil.which("c++")


@cache
def compiler_version(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def missing() -> str | None:
    """Why nothing can be built on this machine, or None."""
    path = compiler()
    if path is None:
        return "no C++ compiler was found (g++, c++ or $CXX)"
    try:
        compiler_version(path)
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"{path} does not answer --version as a C++ compiler does"
    return None


def flags() -> tuple[str, ...]:
    """For this machine. ``SPIKEAVS_CXXFLAGS`` is added at the end."""
    extra = tuple(os.environ.get("SPIKEAVS_CXXFLAGS", "").split())
    if platform.machine() not in ("x86_64", "AMD64"):
        return (*FLAGS, *extra)
    return (*FLAGS, *ISA.get(torch.backends.cpu.get_cpu_capability(), ()), "-mtls-dialect=gnu2", *extra)


def build(what: Build) -> Path:
    """The shared library of ``what``, compiled if the cache lacks it."""
    path, lacking = compiler(), missing()
    if path is None or lacking:
        raise CompileError(str(lacking))
    key = what.key(text_of("cpu_shim.h"), compiler_version(path), *flags())
    done = cache_folder() / f"{Path(what.file).stem}-{key}.so"
    if done.exists():
        return done
    done.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=done.parent) as scratch:
        source, built = Path(scratch, "kernel.cpp"), Path(scratch, "kernel.so")
        exports = "".join(f"SHIM_EXPORT({name})\n" for name in what.kernels)
        source.write_text(f"{text_of('cpu_shim.h')}\n{what.text}\n{exports}")
        command = [path, *flags(), *what.defines, str(source), "-o", str(built)]
        log.info("compiling %s for the CPU: %s", what.file, " ".join(what.defines))
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            raise CompileError(f"{path} could not compile {what.file}:\n{ran.stderr[:4000]}")
        write_whole(done, built.read_bytes())
    return done


@cache
def library(what: Build) -> ctypes.CDLL:
    return ctypes.CDLL(str(build(what)))


@cache
def _entry(what: Build, kernel: str) -> Callable[..., None]:
    function = getattr(library(what), f"{kernel}_launch")
    function.argtypes, function.restype = [ctypes.c_uint] * 6 + [ctypes.c_int, ctypes.c_char_p], None
    return function  # type: ignore[no-any-return]


def launch(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, args: Sequence[object], device: torch.device
) -> None:
    """Run ``kernel`` over ``grid`` blocks of ``block`` threads, on as many OpenMP threads as torch uses."""
    _entry(what, kernel)(*grid, block, 1, 1, torch.get_num_threads(), packed(args))


def prepared(
    what: Build, kernel: str, grid: tuple[int, int, int], block: int, numbers: Sequence[float], device: torch.device
) -> Callable[..., None]:
    entry, sizes, last, threads = _entry(what, kernel), (*grid, block, 1, 1), packed(numbers), torch.get_num_threads

    def run(*addresses: int) -> None:
        entry(*sizes, threads(), pointers(len(addresses))(*addresses) + last)

    return run

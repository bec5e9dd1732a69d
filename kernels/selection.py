"""Which implementation a device gets, and why. Asked once, when a graph is lowered; nothing falls back afterwards.

``SPIKEAVS_KERNELS`` overrides: "torch" everywhere the reference; "cpu" or "cupy": that backend must be there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

import torch

from common.words import not_among
from kernels import cpu_backend, cupy_backend

log = logging.getLogger(__name__)

VARIABLE = "SPIKEAVS_KERNELS"
_PLAIN: ContextVar[bool] = ContextVar("plain", default=False)
BACKEND_OF = {"cpu": "cpu", "cuda": "cupy"}


@dataclass(frozen=True)
class Selection:
    backend: str  # "cpu", "cupy" or "torch"
    why: str

    @property
    def compiled(self) -> bool:
        return self.backend != "torch"


def _missing_on_cuda() -> str | None:
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return cupy_backend.missing()


MISSING = {"cpu": lambda: cpu_backend.missing(), "cuda": _missing_on_cuda}


@contextmanager
def without_kernels() -> Iterator[None]:
    """What is built meanwhile is torch's alone, and can leave for where our kernels are not."""
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)


def wanted() -> str | None:
    """What the variable asks for, or whoever does without."""
    if _PLAIN.get():
        return "torch"
    backend = os.environ.get(VARIABLE)
    choices = ("torch", *BACKEND_OF.values())
    if backend is not None and backend not in choices:
        raise ValueError(not_among(VARIABLE, backend, choices))
    return backend


@lru_cache
def _select(device: str, asked: str | None) -> Selection:
    if device not in BACKEND_OF:
        return Selection("torch", f"there are no kernels for device '{device}'")
    backend, missing = BACKEND_OF[device], MISSING[device]()
    if asked not in (None, backend):
        return Selection("torch", f"{VARIABLE}={asked}")
    if missing and asked:
        raise ValueError(f"{VARIABLE} is '{asked}', but {missing}; expected it there, or {VARIABLE}=torch")
    answer = Selection("torch", missing) if missing else Selection(backend, "it is there, and the quickest")
    log.info("kernels on %s: %s (%s)", device, answer.backend, answer.why)
    return answer


def selection(device: str) -> Selection:
    """``device``: "cpu" or "cuda"."""
    return _select(device, wanted())

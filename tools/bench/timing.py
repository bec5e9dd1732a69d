"""Milliseconds of a call on a device.

Actions are timed in turns, so that whatever else the machine does hits all of them. A sample is as many calls as fill
20 ms; before the first one every action is called twice. CUDA is timed by events, between two of which nothing waits.
Buffers are not pushed out of the cache between calls: below some millions of neurons they partly stay in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

import torch

Action = Callable[[], object]
SAMPLE_MS = 20.0
WARM_UP = 2


@dataclass(frozen=True)
class Times:
    """Milliseconds of one call, a number per repeat."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def fastest(self) -> float:
        return min(self.samples)

    @property
    def slowest(self) -> float:
        return max(self.samples)


def _by_clock(action: Action, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        action()
    return 1e3 * (time.perf_counter() - start)


def _by_events(action: Action, calls: int) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(calls):
        action()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


SAMPLERS: dict[str, Callable[[Action, int], float]] = {"cpu": _by_clock, "cuda": _by_events}


def interleaved(device: str, actions: Sequence[Action], repeats: int) -> list[Times]:
    """One ``Times`` an action."""
    sample = SAMPLERS[device]
    for action in actions:
        sample(action, WARM_UP)
    calls = [max(1, ceil(SAMPLE_MS / max(sample(action, 1), 1e-3))) for action in actions]
    samples: list[list[float]] = [[] for _ in actions]
    for _ in range(repeats):
        for kept, action, count in zip(samples, actions, calls, strict=True):
            kept.append(sample(action, count) / count)
    return [Times(tuple(kept)) for kept in samples]


def copier(device: str, size: int) -> Action:
    """Copies ``size`` bytes into a buffer that is there: what memory itself can do, twice that in bytes moved."""
    source = torch.zeros(ceil(size / 4), dtype=torch.float32, device=device)
    target = torch.ones_like(source)
    return lambda: target.copy_(source)

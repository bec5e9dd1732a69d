"""Where the time of a training goes: seconds by what was done. On a GPU it is the host's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

MODEL = ("forward and loss", "backward", "clip and update")


class Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - started

    def outside(self) -> float:
        """The share that is not the model's."""
        total = sum(self.seconds.values())
        return 1 - sum(self.seconds.get(name, 0.0) for name in MODEL) / total if total else 0.0

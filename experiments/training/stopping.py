"""Asked to stop, a run ends its step, saves, and says how to go on.

Ctrl-C, SIGTERM (a time limit of a cluster, an orderly shutdown) and SIGUSR1 (``sbatch --signal=USR1@60``) ask. A second
Ctrl-C does not wait for the step. The exit code after a signal is 75, "try again later" in ``sysexits.h``: resume me.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Self

from experiments.errors import INTERRUPTED, RESUME, Stopped

CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: RESUME, signal.SIGUSR1: RESUME}


class Stop:
    """``code``: 0 until somebody asks. As a context it listens; handlers are as before when it ends."""

    def __init__(self) -> None:
        self.code, self.process = 0, os.getpid()
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # Only the main thread may listen; elsewhere nobody can be asked.
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._asked) for number in CODES}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number)
        if self.code and name is signal.SIGINT:
            raise KeyboardInterrupt
        self.code = CODES[name]
        if os.getpid() == self.process:  # and not in a reader of data, which inherits this
            print(f"\n{name.name}: stopping after this step", file=sys.stderr, flush=True)


__all__ = ["CODES", "Stop", "Stopped"]

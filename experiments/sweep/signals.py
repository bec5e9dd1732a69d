"""Signals that ask a sweep to end are noted at once and answered between two steps, when it knows all its jobs."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from experiments.errors import RESUME

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    def __init__(self) -> None:
        self.seen: list[int] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        # Only a program's first thread may set handlers; elsewhere its owner answers signals. Ignored ones stay so.
        if threading.current_thread() is threading.main_thread():
            heard = [s for s in ENDING if signal.getsignal(s) is not signal.SIG_IGN]
            self._before = {s: signal.signal(s, self._note) for s in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.seen.append(number)

    def answer(self) -> None:
        """Ctrl-C is Python's own; the others end the program with the code that says: resume me."""
        if self.seen:
            raise KeyboardInterrupt if self.seen[0] == signal.SIGINT else SystemExit(RESUME)

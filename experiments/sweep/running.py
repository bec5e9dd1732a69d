"""A point that is being run: its submitit job, how it ended, and how to end it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import submitit
from submitit.core.utils import UncompletedJobError

from experiments.sweep.lock import holder
from experiments.sweep.point import Point
from experiments.sweep.signals import Signals

PAUSE = 0.1
GRACE = 120.0  # seconds for saving


@dataclass(kw_only=True)
class Running:
    """``restarts``: how often the point has been started before by this driver."""

    point: Point
    job: submitit.Job[int]
    restarts: int = 0
    _asked: set[int] = field(default_factory=set)
    _next: float = 0.0

    @property
    def local(self) -> bool:
        return isinstance(self.job, submitit.LocalJob)

    def over(self) -> bool:
        return self.job.done()

    def outcome(self) -> int | str | None:
        """The command's exit code; None if the job was lost; words if the job itself failed."""
        if self.local and not self.job.paths.result_pickle.exists():
            return None
        error = self.job.exception()
        if isinstance(error, UncompletedJobError):
            return None
        if error is not None:
            trace = [line for line in str(error).split("-" * 22)[1].splitlines() if line.strip()]
            return f"{trace[-1]} (see {self.job.paths.stderr})"
        return self.job.result()

    def ended(self) -> bool:
        """Nobody works at the point any more. A cluster ends what it is told to cancel by itself."""
        return not self.local or (self.job.done() and holder(self.point.lock) is None)

    def ask(self) -> None:
        """Ask to save and end, the command of an earlier driver too. Repeated: a process that is just starting does
        not hear yet."""
        if not self.local:
            self.job.cancel(check=False)
        elif not self.job.done():
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + 1
                os.kill(int(self.job.job_id), signal.SIGTERM)  # submitit's controller, which passes it on
        else:
            self._signal_holder(signal.SIGTERM)

    def kill(self) -> None:
        if self.local:
            self._asked.clear()
            self._signal_holder(signal.SIGKILL)
            if not self.job.done():
                os.kill(int(self.job.job_id), signal.SIGKILL)

    def _signal_holder(self, number: signal.Signals) -> None:
        """Whoever holds a lock is alive, so its process number is still its own."""
        who = holder(self.point.lock)
        if who is not None and who.here and who.process not in self._asked:
            self._asked.add(who.process)
            os.kill(who.process, number)


def end(running: Sequence[Running], signals: Signals) -> None:
    """Leave nobody behind: ask all, wait until they have saved; another signal, or the end of patience, kills them."""
    for one in running:
        one.ask()
    deadline, heard = time.monotonic() + GRACE, len(signals.seen)
    while left := [one for one in running if not one.ended()]:
        hurry = time.monotonic() > deadline or len(signals.seen) > heard
        for one in left:
            one.kill() if hurry else one.ask()
        time.sleep(PAUSE)

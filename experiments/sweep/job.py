"""What submitit runs for a point: take its lock, look whether anything is left to do, run the command. -> exit code.

Imported by a process of its own for every job, so it loads nothing that is large.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from submitit.helpers import DelayedSubmission

from experiments.errors import RESUME
from experiments.sweep.lock import held, sign
from experiments.sweep.point import Point

PAUSE = 0.1
SIGNALS = {signal.SIGTERM, signal.SIGUSR2}
# A point is one command that starts what it needs itself: it must not take itself for a task of the job around it.
FOREIGN = ("SUBMITIT_", "SLURM_", "SLURMD_", "SRUN_", "SBATCH_")


class Ended(BaseException):
    """Asked to end while it waited for the lock."""


class PointJob:
    """``environment``: variables that submitit changes for its own use, as the command is to have them."""

    def __init__(self, point: Point, *, local: bool, environment: Mapping[str, str | None]) -> None:
        self.point, self.local, self.environment = point, local, dict(environment)
        self.child: subprocess.Popen[bytes] | None = None
        self.asked = False

    def __call__(self) -> int:
        try:
            if self.local:  # on a cluster the command gets the signal itself
                signal.signal(signal.SIGTERM, self._end)
            with held(self.point.lock) as lock:
                return 0 if self.point.finished else self._run(lock)
        except Ended:
            return RESUME

    def checkpoint(self) -> DelayedSubmission:
        """At the time limit, or when the cluster takes the node away: save, then be queued again."""
        if self.child is not None:
            self._stop()
            # Not child.wait: it would wait for the one that this signal interrupts.
            with suppress(ChildProcessError):  # it has ended already
                os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(PointJob(self.point, local=self.local, environment=self.environment))

    def _end(self, *_: object) -> None:
        if self.child is None:
            raise Ended
        self._stop()

    def _stop(self) -> None:
        if self.child is not None and self.child.returncode is None and not self.asked:
            self.asked = True
            os.kill(self.child.pid, signal.SIGTERM)

    def _run(self, lock: IO[str]) -> int:
        self.point.clear()
        with self.point.log.open("ab") as log:
            # No signal between the birth of the child and the moment when all know of it.
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                self.child = subprocess.Popen(
                    [*self.point.program, *self.point.words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment(),
                    pass_fds=(lock.fileno(),),
                    preexec_fn=_fresh_signals,
                    start_new_session=self.local,
                )
                sign(lock, self.child.pid)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            while self.child.poll() is None:
                time.sleep(PAUSE)
            return self.child.returncode

    def _environment(self) -> dict[str, str]:
        mine = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN) and k not in self.environment}
        return mine | {k: v for k, v in self.environment.items() if v is not None}


def _fresh_signals() -> None:
    """In the child: a cluster sends the warning before the time limit to every process of a job; this one is told by
    SIGTERM."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

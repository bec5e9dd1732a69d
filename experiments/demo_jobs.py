"""Training runs as processes of their own, with one progress bar each.

A child's progress is read from the last row of its ``log.csv``, so the two need no channel but the run's folder.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress, TaskID

from experiments.errors import UserError
from experiments.progress import bars

MAIN = Path(__file__).resolve().parent.parent / "main.py"


@dataclass(frozen=True)
class Job:
    """``arguments`` of ``main.py``; ``folder``: the run that it writes."""

    title: str
    folder: Path
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        return "python main.py " + " ".join(self.arguments)


def _last_row(folder: Path) -> tuple[int, int] | None:
    path = folder / "log.csv"
    if not path.exists():
        return None
    *_, last = path.read_text().splitlines()
    step, total, *_ = last.split(",")
    return (int(step), int(total)) if step.isdigit() else None


class _Running:
    def __init__(self, job: Job, progress: Progress) -> None:
        self.job, self.progress = job, progress
        self.log = job.folder.parent / f"{job.folder.name}.out"
        self.file = self.log.open("w")
        self.process = subprocess.Popen(
            [sys.executable, str(MAIN), *job.arguments], stdout=self.file, stderr=subprocess.STDOUT
        )
        self.task: TaskID = progress.add_task(job.title, total=None, note="starting")

    def poll(self) -> bool:
        """True while it runs. A child that failed takes the whole demo down with its last words."""
        row = _last_row(self.job.folder)
        if row is not None:
            note = "evaluating" if row[0] == row[1] else ""
            self.progress.update(self.task, completed=row[0], total=row[1], note=note)
        code = self.process.poll()
        if code is None:
            return True
        self.file.close()
        if code:
            words = self.log.read_text().strip().splitlines()
            raise UserError(
                f"'{self.job.command}' failed with code {code}: {words[-1] if words else 'no output'} (see {self.log})"
            )
        self.progress.update(self.task, note="done")
        return False

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.file.close()


def run_jobs(jobs: Sequence[Job], parallel: int) -> None:
    """All of them, at most ``parallel`` at once, in order. Whatever goes wrong, no child is left behind."""
    waiting, running = deque(jobs), list[_Running]()
    with bars() as progress:
        try:
            while waiting or running:
                while waiting and len(running) < parallel:
                    running.append(_Running(waiting.popleft(), progress))
                running = [r for r in running if r.poll()]
                time.sleep(0.5)
        finally:
            for r in running:
                r.end()

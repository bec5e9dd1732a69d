"""The driver of a sweep: start points as others finish, watch them, write the table. The package says the idea."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import strsignal
from typing import Any

from experiments.errors import RESUME, UserError
from experiments.progress import bars
from experiments.sweep.executor import Executor
from experiments.sweep.lock import only_driver
from experiments.sweep.point import Point
from experiments.sweep.record import SCORES, TABLE, name, read_jobs, write_jobs, write_table
from experiments.sweep.running import Running, end
from experiments.sweep.same import check_settings
from experiments.sweep.settings import SweepSettings, check
from experiments.sweep.signals import Signals

PAUSE = 0.5
WAITING, RUNNING, FINISHED, FAILED = "waiting", "running", "finished", "failed"


def sweep(
    points: Sequence[Point],
    settings: SweepSettings,
    folder: Path,
    *,
    go_on: bool = True,
    check_point: Callable[[Point], None] = check_settings,
    columns: Sequence[str] = SCORES,
) -> None:
    """Run what is not finished of ``points``. A point that fails is a ``UserError`` with its last words: with ``go_on``
    when all that do not wait for it are done, else at once, and the others are ended. ``columns`` of the table are keys
    of ``metrics.json``."""
    _distinct(points)
    check(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with only_driver(folder / ".driver.lock"):
        for point in points:
            check_point(point)
        with Signals() as signals, bars() as progress:
            _Sweep(points, settings, folder, progress, columns).run(signals, go_on)


def _distinct(points: Sequence[Point]) -> None:
    for what, values in {"title": [p.title for p in points], "run": [str(p.run) for p in points]}.items():
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise UserError(f"two points of a sweep have the {what} '{twice[0]}', expected one each")
    for point in points:
        for other in point.after:
            if other not in points:
                raise UserError(f"'{point.title}' waits for '{other.title}', expected a point of the same sweep")


class _Sweep:
    def __init__(
        self, points: Sequence[Point], settings: SweepSettings, folder: Path, progress: Any, columns: Sequence[str]
    ) -> None:
        self.settings, self.folder, self.progress, self.columns = settings, folder, progress, columns
        self.executor = Executor(settings, folder / "jobs")
        self.states = {point: FINISHED if point.finished else WAITING for point in points}
        self.running: dict[Point, Running] = {}
        self.failures: list[str] = []
        self.tasks: dict[Point, Any] = {}
        self.jobs = read_jobs(folder)

    def run(self, signals: Signals, go_on: bool) -> None:
        write_table(self.folder, self.states, self.columns)
        write_jobs(self.folder, list(self.states), self.jobs)
        try:
            self._find_again()
            while self.running or self._ready():
                signals.answer()
                for point in self._ready()[: max(0, self.settings.parallel - len(self.running))]:
                    self._start(point)
                for one in list(self.running.values()):
                    self._watch(one)
                    signals.answer()
                if self.failures and not go_on:
                    break
                time.sleep(PAUSE)
        finally:
            end(list(self.running.values()), signals)
        if self.failures:
            others = len(self.failures) - 1
            more = f"; {others} more failed, see {self.folder / TABLE}" if others else ""
            raise UserError(self.failures[0] + more)

    def _ready(self) -> list[Point]:
        return [
            point
            for point, state in self.states.items()
            if state == WAITING and all(self.states[other] == FINISHED for other in point.after)
        ]

    def _find_again(self) -> None:
        """Jobs of an earlier driver that a cluster still has."""
        for point, state in self.states.items():
            entry = self.jobs.get(name(point, self.folder))
            job = self.executor.adopt(entry) if entry and state == WAITING else None
            if job is not None:
                self._show(Running(point=point, job=job))

    def _start(self, point: Point, restarts: int = 0) -> None:
        job = self.executor.submit(point)
        self.jobs[name(point, self.folder)] = {"executor": self.settings.executor, "job": job.job_id}
        self._show(Running(point=point, job=job, restarts=restarts))
        write_jobs(self.folder, list(self.states), self.jobs)

    def _show(self, one: Running) -> None:
        self.running[one.point], self.states[one.point] = one, RUNNING
        if one.point not in self.tasks:
            self.tasks[one.point] = self.progress.add_task(one.point.title, total=None, note="starting")

    def _watch(self, one: Running) -> None:
        row = one.point.progress()
        if row is not None:
            note = "evaluating" if row[0] == row[1] else ""
            self.progress.update(self.tasks[one.point], completed=row[0], total=row[1], note=note)
        if not one.over():
            return
        del self.running[one.point]
        code = one.outcome()
        if code in (0, RESUME, None) and not one.point.finished:
            if one.restarts < self.settings.restarts:
                self._start(one.point, one.restarts + 1)
                return
            code = f"it did not finish, and was resumed {one.restarts} times (sweep.restarts)"
        self._close(one.point, code)

    def _close(self, point: Point, code: int | str | None) -> None:
        failed = not point.finished
        if failed:
            self.failures.append(_last_words(point, code))
        self.states[point] = FAILED if failed else FINISHED
        self.progress.update(self.tasks[point], note="failed" if failed else "done")
        write_table(self.folder, self.states, self.columns)


def _last_words(point: Point, code: int | str | None) -> str:
    if not isinstance(code, int):
        return f"'{point.shown}' failed: {code}"
    how = f"was killed ({strsignal(-code)})" if code < 0 else f"failed with code {code}"
    return f"'{point.shown}' {how}: {point.last_words()} (see {point.log})"

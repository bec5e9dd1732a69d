"""Progress with rate and time left, one look for everything that takes long: bars on a terminal, else plain lines.

ann demo_ann-ann  120/1000 (12 %), 3.4/s, 259 s left, loss 0.412
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any, TextIO, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

EVERY = 10.0  # seconds between two lines of a task
Item = TypeVar("Item")


def duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _rate(per_second: float) -> str:
    return f"{per_second:.0f}/s" if per_second >= 10 else f"{per_second:.2g}/s"


def line(task: Task, since: float, now: float) -> str:
    """A task as text. ``since``: how far it was when it began, which is not what this process did."""
    parts: list[str] = []
    if task.total is not None:
        # Rounded down: 100 % is the end.
        share = int(100 * task.completed / task.total) if task.total else 100
        parts.append(f"{task.completed:.0f}/{task.total:.0f} ({share} %)")
    passed = now - (task.start_time if task.start_time is not None else now)
    per_second = (task.completed - since) / passed if passed > 0 else 0.0
    if per_second > 0:
        parts.append(_rate(per_second))
    if task.finished:
        parts.append(f"took {duration(passed)}")
    elif per_second > 0 and task.total is not None:
        parts.append(f"{duration((task.total - task.completed) / per_second)} left")
    parts += [note] if (note := str(task.fields.get("note", ""))) else []
    return f"{task.description}  {', '.join(parts)}"


class Lines(Progress):
    """Draws nothing. A task says how far it is when it moves, at most every ``every`` seconds, and at its end; one that
    stays where it is says nothing again."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = monotonic, every: float = EVERY) -> None:
        super().__init__(disable=True, get_time=clock)
        self.stream, self.clock, self.every = stream, clock, every
        self._since: dict[TaskID, float] = {}
        self._spoke: dict[TaskID, float] = {}
        self._last: dict[TaskID, tuple[Any, ...]] = {}

    def add_task(self, description: str, *arguments: Any, **options: Any) -> TaskID:
        with self._lock:
            task_id = super().add_task(description, *arguments, **options)
            self._since[task_id], self._spoke[task_id] = self._tasks[task_id].completed, self.clock()
            return task_id

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._tell(task_id)

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        self._tell(task_id)

    def stop(self) -> None:
        """What stops on its way says where."""
        for task_id in self.task_ids:
            self._tell(task_id, at_once=True)

    def _tell(self, task_id: TaskID, at_once: bool = False) -> None:
        with self._lock:
            task, now = self._tasks[task_id], self.clock()
            state = task.completed, task.total, task.fields.get("note")
            due = at_once or task.finished or now - self._spoke[task_id] >= self.every
            if due and state != self._last.get(task_id):
                self._spoke[task_id], self._last[task_id] = now, state
                print(line(task, self._since[task_id], now), file=self.stream, flush=True)


def bars(*, silent: bool = False) -> Progress:
    """``silent``: nothing is shown."""
    console = Console()
    if not silent and (not console.is_terminal or console.is_dumb_terminal):
        return Lines(sys.stdout)
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        refresh_per_second=2,
        disable=silent,
    )


def watched(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """The items, one step of progress each."""
    with bars() as progress:
        task = progress.add_task(title, total=total, note="")
        for item in items:
            yield item
            progress.advance(task)

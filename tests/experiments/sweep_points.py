"""Points of sweeps whose command is ``sweep_work.py``, and a driver of them as a process of its own.

``python sweep_points.py FOLDER STEPS EXECUTOR`` runs six points, of which two wait for others;
``python sweep_points.py FOLDER --real CACHE`` six short trainings.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.sweep import Point, SweepSettings
from experiments.sweep.driver import sweep

WORK = Path(__file__).with_name("sweep_work.py")
ROOT = Path(__file__).parents[2]


def any_settings(point: Point) -> None:
    """The stand-in has none."""


def notes_of(folder: Path) -> list[list[str]]:
    path = folder / "notes"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def count(folder: Path, word: str) -> int:
    return sum(note[1] == word for note in notes_of(folder))


def two_work(folder: Path, steps: int = 1) -> None:
    """Wait until two points have done so many steps."""

    def both() -> bool:
        done = Counter(note[0] for note in notes_of(folder) if note[1] == "step")
        return sum(number >= steps for number in done.values()) >= 2

    until("two points work", both)


def point(folder: Path, name: str, steps: int, *more: str, after: tuple[Point, ...] = ()) -> Point:
    program = (sys.executable, str(WORK), str(folder / "notes"), str(steps))
    return Point(title=f"point {name}", run=folder / name, arguments=more, after=after, program=program)


def six(folder: Path, steps: int) -> list[Point]:
    a, b, c, d = (point(folder, name, steps + i) for i, name in enumerate("abcd"))
    return [a, b, point(folder, "e", steps, after=(a,)), c, d, point(folder, "f", steps, after=(a, b))]


def run(points: list[Point], folder: Path, *, go_on: bool = True, **settings: object) -> None:
    columns = ("miou", "train_seconds")
    sweep(points, SweepSettings(**settings), folder, go_on=go_on, check_point=any_settings, columns=columns)


def start_driver(folder: Path, second: object, third: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.experiments.sweep_points", str(folder), str(second), third]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)


@contextmanager
def driver(folder: Path, second: object, third: str = "local") -> Iterator[subprocess.Popen[bytes]]:
    process = start_driver(folder, second, third)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def processes(folder: Path) -> dict[int, str]:
    """Those that still live and name the folder in their command: jobs and what they started."""
    alive: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            if str(folder) in command:  # a zombie has no command
                alive[int(entry.name)] = command
    return alive


def until(what: str, true, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


def trainings(folder: Path, cache: str) -> list[Point]:
    """Five seeds, and one training that goes on from the first."""
    common = (
        "--mode", "ann", "--config", str(ROOT / "configs" / "demo_ann.yaml"), "--data.train", "16", "--data.val", "4",
        "--data.test", "30", "--data.cache", cache, "--train.epochs", "4", "--train.save_every", "3",
        "--train.log_every", "1",
    )  # fmt: skip
    seeds = [Point(title=f"seed {i}", run=folder / f"s{i}", arguments=(*common, "--seed", str(i))) for i in range(5)]
    further = (*common, "--init", str(seeds[0].run))
    return [*seeds, Point(title="further", run=folder / "further", arguments=further, after=(seeds[0],))]


def main(place: Path, second: str, third: str) -> None:
    if second == "--real":
        sweep(trainings(place, third), SweepSettings(), place)
    else:
        run(six(place, int(second)), place, executor=third)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

"""One point of a sweep: a command that writes a run, and how far that run is, as its files say."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

MAIN = Path(__file__).resolve().parents[2] / "main.py"
PROGRAM = (sys.executable, str(MAIN))


@dataclass(frozen=True, kw_only=True)
class Point:
    """``arguments`` of the ``program`` (``main.py``), without ``--run`` and ``--resume``, which are added. ``after``:
    points that must be finished before this one starts."""

    title: str
    run: Path
    arguments: tuple[str, ...] = ()
    after: tuple[Point, ...] = ()
    program: tuple[str, ...] = PROGRAM

    @property
    def finished(self) -> bool:
        return (self.run / "metrics.json").is_file()

    @property
    def started(self) -> bool:
        return (self.run / "config.yaml").is_file()

    @property
    def words(self) -> tuple[str, ...]:
        """All arguments, as the state of the run asks for them."""
        return (*self.arguments, "--run", str(self.run), *(["--resume"] if self.started else []))

    @property
    def log(self) -> Path:
        """What the command prints."""
        return self.run.with_name(f"{self.run.name}.out")

    @property
    def lock(self) -> Path:
        return self.run.with_name(f".{self.run.name}.lock")

    @property
    def shown(self) -> str:
        """The command as a user would type it."""
        words = (*self.arguments, "--run", str(self.run))
        program = ("python", "main.py") if self.program == PROGRAM else self.program
        return shlex.join((*program, *words))

    def clear(self) -> None:
        """A run that was killed while its config was being written has only a temporary file, in the way of the next
        start."""
        if self.run.is_dir() and all(path.name.startswith(".") for path in self.run.iterdir()):
            shutil.rmtree(self.run)

    def progress(self) -> tuple[int, int] | None:
        """(step, all steps), from the last row of the run's ``log.csv``."""
        path = self.run / "log.csv"
        lines = path.read_text().splitlines() if path.is_file() else []
        step, total = [*(lines[-1].split(",") if lines else []), "", ""][:2]
        return (int(step), int(total)) if step.isdigit() and total.isdigit() else None

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n") if self.log.is_file() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")

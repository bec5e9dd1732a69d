"""``log.csv`` and TensorBoard events of a run. The csv's last row is how a parent process sees how far a run is."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from common.files import write_whole


class Log:
    """Goes on after the row of ``step``: those that a killed run wrote after its last checkpoint are dropped."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / "log.csv"
        self.board = SummaryWriter(str(folder), purge_step=step + 1)
        if self.path.exists():
            self._rewind(step)

    def _rewind(self, step: int) -> None:
        head, *rows = self.path.read_text().splitlines()
        kept = [row for row in rows if row.split(",", 1)[0].isdigit() and int(row.split(",", 1)[0]) <= step]
        write_whole(self.path, "\n".join([head, *kept]) + "\n")

    def write(self, step: int, total: int, seconds: float, values: dict[str, float]) -> None:
        new = not self.path.exists()
        row = {
            "step": step,
            "total": total,
            "seconds": round(seconds, 2),
            **{k: round(v, 6) for k, v in values.items()},
        }
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        for key, value in values.items():
            self.board.add_scalar(key, value, step)

    def score(self, step: int, values: dict[str, float]) -> None:
        """What is not known at every row: events only."""
        for key, value in values.items():
            self.board.add_scalar(key, value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.board.close()


class Silent:
    """What all processes but the first write."""

    def write(self, step: int, total: int, seconds: float, values: dict[str, float]) -> None: ...

    def score(self, step: int, values: dict[str, float]) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

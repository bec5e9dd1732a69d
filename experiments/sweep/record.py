"""What a sweep leaves in its folder: ``sweep.csv``, the table, and ``sweep.json``, its points and their jobs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.files import write_whole
from experiments.errors import UserError
from experiments.sweep.point import Point

RECORD, TABLE = "sweep.json", "sweep.csv"
SCORES = ("miou", "fscore", "miou_val", "train_seconds")


def name(point: Point, folder: Path) -> str:
    """The run, as seen from the sweep's folder: both may be moved."""
    return os.path.relpath(point.run, folder)


def write_table(folder: Path, states: Mapping[Point, str], columns: Sequence[str]) -> None:
    """One row a point, in their order; scores where the point is finished and has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["title", "run", "state", *columns])
    for point, state in states.items():
        scores = json.loads((point.run / "metrics.json").read_text()) if point.finished else {}
        writer.writerow([point.title, name(point, folder), state, *(scores.get(column, "") for column in columns)])
    write_whole(folder / TABLE, text.getvalue())


def read_jobs(folder: Path) -> dict[str, dict[str, Any]]:
    """Run -> the job that an earlier driver started for it."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        return {entry["run"]: entry for entry in json.loads(path.read_text())}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged, expected the record of a sweep; delete it to go on without") from error


def write_jobs(folder: Path, points: Sequence[Point], jobs: Mapping[str, Mapping[str, Any]]) -> None:
    entries = [
        {**jobs.get(name(p, folder), {}), "run": name(p, folder), "title": p.title, "command": p.shown} for p in points
    ]
    write_whole(folder / RECORD, json.dumps(entries, indent=2) + "\n")

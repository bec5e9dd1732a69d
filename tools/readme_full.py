"""The README's table of full-size networks on a CPU, as `tools.full_size` measured them."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

from tools.results import FOLDER


def read(path: Path = FOLDER / "full_size_cpu.csv") -> tuple[dict[str, str], list[dict[str, str]]]:
    """What stands over the table, and its rows."""
    lines = path.read_text().splitlines()
    stamp = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return stamp, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def table() -> str:
    stamp, rows = read()
    heads = ("network, frames of a step", "as", "step, s", "evaluation, s", "GB", "recomputed: step, s", "GB", "less")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|---|---|"]
    for plain, again in list(pairwise(rows))[::2]:
        less = float(plain["memory_gb"]) / float(again["memory_gb"])
        cells = (
            f"{plain['network']}, {plain['frames']}", plain["as"], plain["step_s"], plain["evaluation_s"],
            plain["memory_gb"], again["step_s"], again["memory_gb"], f"{less:.1f}x",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"On {stamp['device']}, {stamp['date']}: `{stamp['command']}`."])

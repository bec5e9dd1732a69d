"""A row of a benchmark, its table and its CSV file: stamp in lines that begin with ``#``, then columns.

``pandas.read_csv(path, comment="#")`` reads it. A row that was not timed has empty numbers and says why in ``status``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.table import Table

OK, FAILED, DIFFERS, ABSENT, BROKEN = "ok", "parity failed", "differs", "not installed", "does not run"
STATES = (OK, FAILED, DIFFERS, ABSENT, BROKEN)


@dataclass(frozen=True, kw_only=True)
class Row:
    """``ratio``: how many times quicker ours is. ``gbps``: bytes that have to move, over our time. ``share_of_copy``:
    of the rate at which the device copies as many bytes as the input has."""

    op: str
    case: str
    device: str
    dtype: str
    peer: str
    ours_ms: float | None = None
    peer_ms: float | None = None
    ratio: float | None = None
    gbps: float | None = None
    share_of_copy: float | None = None
    ours_min: float | None = None
    ours_max: float | None = None
    peer_min: float | None = None
    peer_max: float | None = None
    status: str = OK
    note: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _range(middle: float | None, low: float | None, high: float | None) -> str:
    if middle is None or low is None or high is None:
        return ""
    return f"{_ms(middle)} ({_ms(low)} - {_ms(high)})"


def table(rows: Sequence[Row], title: str) -> Table:
    heads = ("case", "dtype", "peer", "ours, ms", "peer, ms", "ratio", "GB/s", "of copy", "status")
    shown = Table(title=title, title_justify="left")
    for head in heads:
        shown.add_column(head, justify="left" if head in ("case", "dtype", "peer", "status") else "right")
    for r in rows:
        shown.add_row(
            r.case,
            r.dtype,
            r.peer,
            _range(r.ours_ms, r.ours_min, r.ours_max),
            _range(r.peer_ms, r.peer_min, r.peer_max),
            "" if r.ratio is None else f"{r.ratio:.2f}",
            _number(r.gbps, 3),
            "" if r.share_of_copy is None else f"{r.share_of_copy:.0%}",
            r.status if r.status == OK or not r.note else f"{r.status}: {r.note}",
        )
    return shown


def write(path: Path, rows: Sequence[Row], stamp: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in stamp.items())
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for row in rows:
            out.writerow([_number(v, 5) if isinstance(v, float) else v for v in asdict(row).values()])


def read(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Stamp, and rows as text."""
    lines = path.read_text().splitlines()
    stamp = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return stamp, list(csv.DictReader(line for line in lines if not line.startswith("#")))

"""The README's table of kernels: median times of ``experiments/results/bench_*.csv``, ours against each peer.

The files have more: other sizes, other T, inductor's form of the sampling. The README shows what the design asks for.
"""

from __future__ import annotations

from pathlib import Path

from tools.bench.rows import read
from tools.results import FOLDER

OPS = ("lif", "deform", "model", "full", "full_bf16")
DEVICES = ("cpu", "cuda")
ON_GPU = {"lif": "T=4, N=16777216, hard"}  # sizes that fill it; in one type where there is no second file
SHOWN = {"lif": ("T=4, N=1000000,", "T=4, N=16777216,"), "deform": ("",), "model": ("",), "full": ("",)}


def measured() -> list[Path]:
    paths = (FOLDER / f"bench_{op}_{device}.csv" for device in DEVICES for op in OPS)
    return [path for path in paths if path.exists()]


def shown(row: dict[str, str]) -> bool:
    if row["device"] == "cuda" and not (
        row["case"].startswith(ON_GPU.get(row["op"], "")) and (row["dtype"] == "float32" or row["op"] == "full")
    ):
        return False
    beside = row["op"] == "deform" and row["peer"] == "inductor"
    return row["peer_ms"] != "" and not beside and row["case"].startswith(SHOWN[row["op"]])


def line(row: dict[str, str]) -> str:
    ratio = f"{float(row['ratio']):.1f}x" if row["ratio"] else row["status"]
    times = (f"{float(row[key]):.1f}" if row[key] else "" for key in ("ours_ms", "peer_ms"))
    share = f"{float(row['share_of_copy']):.0%}" if row["share_of_copy"] else ""
    return "| " + " | ".join((f"{row['op']}, {row['case']}", row["dtype"], row["peer"], *times, ratio, share)) + " |"


def table() -> str:
    parts = []
    for device in DEVICES:
        files = [read(path) for path in measured() if path.stem.endswith(device)]
        if not files:
            continue
        lines = ["| case | type | against | ours, ms | theirs, ms | ratio | of copy |", "|---|---|---|---|---|---|---|"]
        lines += [line(row) for _, rows in files for row in rows if shown(row)]
        commands = ", ".join(f"`{stamp['command']}`" for stamp, _ in files)
        parts.append("\n".join(lines) + f"\n\nOn {files[0][0]['device']}, {files[0][0]['date']}: {commands}.")
    return "\n\n".join(parts)

"""``python -m tools.stream_change --snn RUN --trained RUN [RUN ...] [--clips 24]``: what ``train.change_penalty`` buys.

mIoU and weight additions a frame on test clips at 25 frames a second, of the network that all of them were trained on
from and of each; -> experiments/results/stream_change.json and docs/stream/change.png. All weights are shown; none is
chosen here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from common.files import write_whole
from experiments.network import Run, load_run
from experiments.plots import saved
from experiments.run_folder import write_json
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence
from tools.stream_played import played
from tools.stream_table import clips_at

FPS = 25
PICTURE = FOLDER.parents[1] / "docs" / "stream" / "change.png"


def row_of(run: Run, clips: int, weight: float | None) -> dict[str, Any]:
    row = {"run": run.name, "weight": weight, **played(run.deployed, clips_at(run, FPS, "test", clips))}
    print(row, flush=True)
    return row


def weight_of(run: Run) -> float:
    return float(run.settings.train.change_penalty)


def drawn(rows: Sequence[dict[str, Any]]) -> None:
    canvas = Figure(figsize=(5.5, 3.6))
    axis = canvas.subplots()
    trained = [row for row in rows if row["weight"] is not None]
    for row, marker in ((rows[0], "s"), *((row, "o") for row in trained)):
        name = "not trained for it" if row["weight"] is None else f"{row['weight']:g}"
        axis.plot(row["stream"] / 1e6, row["miou"], marker, color="#0072B2")
        axis.annotate(name, (row["stream"] / 1e6, row["miou"]), xytext=(6, 4), textcoords="offset points")
    axis.plot([r["stream"] / 1e6 for r in trained], [r["miou"] for r in trained], color="#0072B2", linewidth=1)
    axis.plot(rows[0]["framewise"] / 1e6, rows[0]["miou"], "s", color="#6e6e6e")
    spot = (rows[0]["framewise"] / 1e6, rows[0]["miou"])
    axis.annotate("frame by frame", spot, xytext=(-6, -14), textcoords="offset points", ha="right")
    axis.set(
        xlabel="weight additions a frame, millions", ylabel="mIoU, test clips at 25 frames a second", xlim=(0, None)
    )
    axis.margins(y=0.15)
    canvas.tight_layout()
    write_whole(PICTURE, saved(canvas, dpi=150))


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stream_change", allow_abbrev=False)
    parser.add_argument("--snn", required=True)
    parser.add_argument("--trained", required=True, nargs="+")
    parser.add_argument("--clips", type=int, default=24)
    options = parser.parse_args(given)
    torch.set_num_threads(1)
    base, trained = load_run(options.snn), [load_run(name) for name in options.trained]
    rows = [row_of(base, options.clips, None)]
    rows += [row_of(run, options.clips, weight_of(run)) for run in sorted(trained, key=weight_of)]
    words = f"--snn {options.snn} --trained {' '.join(options.trained)} --clips {options.clips}"
    write_json(FOLDER / "stream_change.json", {**provenance(f"python -m tools.stream_change {words}"), "rows": rows})
    drawn(rows)
    table = Table("change_penalty", "mIoU", "M weight adds a frame, framewise", "as a stream", "than frame by frame")
    for row in rows:
        cells = ["none" if row["weight"] is None else f"{row['weight']:g}", f"{row['miou']:.4f}"]
        cells += [f"{row[key] / 1e6:.2f}" for key in ("framewise", "stream")]
        table.add_row(*cells, f"{rows[0]['framewise'] / row['stream']:.2f}x fewer")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tools.exact_families --out runs/families``: every family, trained a little, converted at D = 2, 4, 8.

Writes docs/exact_families.md and .png, and experiments/results/exact_families.json: mIoU of the ANN, of the quantised
ANN as trained, of what is deployed; whether events alone give its bits, and whether their additions are the
accountant's; how long neurons that fire one event a step, up or down, take until nothing changes. An interrupted call
is taken up again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch

from common.files import write_whole
from energy.account import account
from energy.tables import as_markdown
from experiments.dataset import split
from experiments.frames import first_frames
from experiments.network import load_run
from experiments.plots import saved
from experiments.run_folder import read_json, write_json
from experiments.sweep import Point, SweepSettings
from experiments.sweep.driver import sweep
from graph.infer import window
from graph.models import FAMILIES
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DOCS, RESULT = Path(__file__).resolve().parents[1] / "docs", FOLDER / "exact_families.json"
LEVELS, FRAMES = (2, 4, 8), 5
SHARED = ("--model.spec", "tiny", "--data.train", "400", "--data.val", "40", "--data.test", "40")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """``epochs``: of the ANN. ``statistics``: see `convert.calibrate`."""

    loss: tuple[str, ...] = ("--loss.dice", "1", "--loss.bce", "1")
    lr: str = "5e-3"
    epochs: int = 3
    statistics: str = "running"

    @property
    def words(self) -> tuple[str, ...]:
        return (*SHARED, *self.loss, "--train.lr", self.lr)


# Deep ones without a softmax want smaller steps, and more of them; what running statistics say of their sums of
# products leaves ETAVS's neurons silent. AV2TS learns from its queries, as published.
RECIPES = {
    "etavs": Recipe(lr="1e-3", epochs=6, statistics="batch"),
    "av2ts": Recipe(
        loss=("--loss.set", "1", "--loss.dice", "0", "--loss.bce", "0"), lr="1e-3", epochs=6, statistics="batch"
    ),
}
Row = dict[str, Any]


def points(out: Path, families: Sequence[str], options: Sequence[str]) -> dict[tuple[str, int], Point]:
    """(family, D) -> its run; D = 0: the ANN."""
    runs: dict[tuple[str, int], Point] = {}
    for family in families:
        recipe = RECIPES.get(family, Recipe())
        words = ("--model.name", family, *recipe.words, *options)
        first = ("--mode", "ann", "--train.epochs", str(recipe.epochs))
        ann = Point(title=f"{family}, ANN", run=out / family, arguments=(*first, *words))
        runs[family, 0] = ann
        steps = ("--calibrate.statistics", recipe.statistics, "--spikes.score", "linear")
        exact = ("--exact.frames", str(FRAMES), "--exact.settle", str(FRAMES), "--curve", "1")
        for levels in LEVELS:
            more = ("--mode", "convert", "--from", str(ann.run), "--neuron.levels", str(levels), "--train.epochs", "3")
            runs[family, levels] = Point(
                title=f"{family}, D = {levels}",
                run=out / f"{family}-d{levels}",
                arguments=(*more, *steps, *exact, *words),
                after=(ann,),
            )
    return runs


def counted_adds(run: Path, frames: int) -> list[int]:
    """What the accountant counts for the frames that the event runner executed, a frame of each window."""
    loaded = load_run(str(run))
    clip = window(loaded.deployed.graph)
    batch = first_frames(split(loaded.settings.data, "val"), frames, clip)
    adds = account(loaded.deployed, [batch], frames=clip).totals.ac_w
    return [int(v) for v in np.atleast_1d(adds)]


def row_of(family: str, levels: int, run: Path, ann: Path) -> Row:
    metrics = read_json(run / "metrics.json")
    runner, settled = metrics.get("event_runner", {}), metrics.get("settled", {})
    return {
        "family": family,
        "levels": levels,
        "ann": read_json(ann / "metrics.json")["miou"],
        "direct": metrics["miou_direct"],
        "trained": metrics["miou_trained"],
        "deployed": metrics["miou"],
        "exact": metrics["exact"],
        "why": metrics.get("why_not_exact", ""),
        "bits": runner.get("max_abs_difference") == 0,
        "adds": runner.get("adds", []),
        "settled": settled,
    }


def table(rows: Sequence[Row]) -> list[str]:
    scored = ("family", "D", "ANN", "QANN, straight after conversion", "trained", "deployed")
    events = ("events alone: same bits", "adds as counted", "settled: same bits", "after steps", "D x longest path")
    head = (*scored, *events, "corrections", "adds, times at once")
    cells = [list(head)]
    for row in rows:
        s = row["settled"]
        scores = [f"{row[key]:.3f}" for key in ("ann", "direct", "trained", "deployed")]
        signed = ("not run", "", "", "", "")
        if s and not s["refused"]:
            steps = f"{min(s['steps'])} to {max(s['steps'])}"
            word = "yes" if s["exact"] else "**no**"
            signed = (word, steps, str(s["bound"]), f"{s['corrections']:.0%}", f"{s['adds']:.2f}")
        alone = ["yes" if fine else "**no**" for fine in (row["bits"], row["adds"] == row["counted"])]
        cells.append([row["family"], str(row["levels"]), *scores, *alone, *signed])
    return as_markdown(cells).splitlines()


def figure(rows: Sequence[Row]) -> bytes:
    """Steps until settled against D x longest path."""
    drawn, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [r["settled"] for r in rows if r["family"] == family and r["settled"] and not r["settled"]["refused"]]
        axis.plot([s["bound"] for s in own], [max(s["steps"]) for s in own], "o-", label=family)
    axis.set_xlabel("D x most sites on a path")
    axis.set_ylabel("steps until nothing changes")
    axis.legend(frameon=False, fontsize="small")
    return saved(drawn)


def document(rows: Sequence[Row]) -> str:
    commands = ", ".join(f"`{command}`" for command in dict.fromkeys(row["command"] for row in rows))
    why = sorted({f"- {r['family']}, D = {r['levels']}: {r['why']}" for r in rows if r["why"]})
    return "\n".join(
        [
            "# All five families, exactly",
            "",
            f"Written by {commands}: each family at its tiny spec, trained on chimes for a few hundred steps, "
            "converted and trained for as many. mIoU on 40 test clips; networks this young are bad ones, and what is "
            "shown is that nothing is lost on the way. *Settled*: neurons that fire one event a step, up or down.",
            "",
            *table(rows),
            "",
            "![Steps until settled against D times the longest path](exact_families.png)",
            "",
            *(["Not called `exact`, and why:", "", *why, ""] if why else []),
        ]
    )


def kept(again: Sequence[str]) -> list[Row]:
    """Earlier results of other families."""
    if not RESULT.is_file():
        return []
    known = read_json(RESULT)
    return [{"command": known["command"], **row} for row in known["rows"] if row["family"] not in again]


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.exact_families", allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--options", default="", help='words that every run gets, such as "--data.train 100"')
    options = parser.parse_args(given)
    command = shlex.join(["python", "-m", "tools.exact_families", *(given or sys.argv[1:])])
    runs = points(options.out, options.families, shlex.split(options.options))
    sweep(list(runs.values()), SweepSettings(parallel=options.parallel), options.out)
    rows = []
    for (family, levels), point in runs.items():
        if levels:
            row = row_of(family, levels, point.run, runs[family, 0].run)
            rows.append({**row, "counted": counted_adds(point.run, FRAMES), "command": command})
    rows = kept(options.families) + rows
    rows.sort(key=lambda row: list(FAMILIES).index(row["family"]))
    write_json(RESULT, {**provenance(command), "rows": rows})
    write_whole(DOCS / "exact_families.png", figure(rows))
    write_whole(DOCS / "exact_families.md", document(rows))
    print(DOCS / "exact_families.md")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())

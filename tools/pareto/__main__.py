"""``python -m tools.pareto --out runs/pareto``: trains what is not trained yet, prices it, draws docs/pareto.png."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from common.files import write_whole
from experiments.energy_mode import priced
from experiments.modes.energy import EnergySettings
from experiments.run_folder import write_json
from experiments.sweep import SweepSettings
from experiments.sweep.driver import sweep
from tools.pareto.document import document
from tools.pareto.figure import figure
from tools.pareto.grid import choices, points
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = ("miou", "energy_uj", "saving", "memory", "spike_fed_share")


def pareto(out: Path, seed: int, parallel: int, clips: int, options: str) -> Path:
    runs = points(out, seed, shlex.split(options))
    sweep(list(runs.values()), SweepSettings(parallel=parallel), out)
    order = ["control", *choices()]
    report, _ = priced(EnergySettings(runs=tuple(str(runs[name].run) for name in order), out=str(out), clips=clips))
    control, *others = report
    rows = dict(zip(order[1:], others, strict=True))
    command = shlex.join(["python", "-m", "tools.pareto", *sys.argv[1:]])
    kept = {name: {key: row[key] for key in KEPT} for name, row in rows.items()}
    write_json(FOLDER / "pareto.json", {**provenance(command), "control": control["miou"], "rows": kept})
    write_whole(DOCS / "pareto.png", figure(rows, control["miou"]))
    write_whole(DOCS / "pareto.md", document(rows, control["miou"], command))
    return DOCS / "pareto.md"


@in_a_sentence
def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.pareto", allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--energy-clips", type=int, default=20)
    parser.add_argument("--options", default="", help='words that every run gets, such as "--data.train 200"')
    given = parser.parse_args()
    print(pareto(given.out, given.seed, given.parallel, given.energy_clips, given.options))
    return 0


if __name__ == "__main__":
    sys.exit(main())

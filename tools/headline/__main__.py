"""``python -m tools.headline --out runs/headline --seeds 0 1 2 [--arms ann blind control convert snn released]``

Trains what is not trained yet (an interrupted call is taken up again), scores every run on every split of stamps under
every sound, prices the SNN against its control, and keeps a result a seed in experiments/results/stamps_seed*.json.
``--table`` alone writes docs/stamps.md from those.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from experiments.energy_mode import priced
from experiments.errors import UserError
from experiments.modes.energy import EnergySettings
from experiments.run_folder import write_json
from experiments.sweep import SweepSettings
from experiments.sweep.driver import sweep
from tools.headline.arms import ARMS, points
from tools.headline.results import write_table
from tools.headline.scores import folder_scores
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence


def flat(saving: dict[str, Any]) -> dict[str, float]:
    """{"paper": 0.9, "strict_memory(qann)": -0.1, ...}."""
    found: dict[str, float] = {}
    for key, value in saving.items():
        if isinstance(value, dict):
            found |= {f"{key}({inner})": share for inner, share in value.items()}
        else:
            found[key] = value
    return found


def energy_of(folder: Path, clips: int) -> dict[str, float]:
    runs = (str(folder / "control"), str(folder / "convert"))
    rows, _ = priced(EnergySettings(runs=runs, out=str(folder), clips=clips))
    return flat(rows[-1]["saving"])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.headline", allow_abbrev=False)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--energy-clips", type=int, default=20)
    parser.add_argument("--options", default="", help='words that every run gets, such as "--data.train 1600"')
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def headline(options: argparse.Namespace) -> None:
    if options.table:
        print(write_table())
        return
    if options.out is None:
        raise UserError("--out is missing, expected the folder of the runs, for example runs/headline")
    out: Path = options.out
    every = points(options.arms, options.seeds, out, shlex.split(options.options))
    sweep(every, SweepSettings(parallel=options.parallel), out)
    command = shlex.join(["python", "-m", "tools.headline", *sys.argv[1:]])
    for seed in options.seeds:
        folder = out / f"seed-{seed}"
        found = folder_scores(folder, options.arms)
        energy = energy_of(folder, options.energy_clips) if {"control", "convert"} <= set(options.arms) else {}
        result = {**provenance(command), "figures": {"seed": seed, **found, "energy": energy}}
        write_json(FOLDER / f"stamps_seed{seed}.json", result)
    print(write_table())


@in_a_sentence
def main() -> int:
    headline(parsed())
    return 0


if __name__ == "__main__":
    sys.exit(main())

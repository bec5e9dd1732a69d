"""``python -m tools.post_training --out runs/post [--seeds 0 1 2 3 4]``: writes docs/post_training.md and .png.

Trains the demo's ANN for each seed where it is not trained yet.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from common.files import write_whole
from experiments.network import load_run
from experiments.run_folder import write_json
from experiments.sweep import Point, SweepSettings
from experiments.sweep.driver import sweep
from experiments.sweep.point import MAIN
from tools.post_training.document import document, figure
from tools.post_training.measure import measured
from tools.post_training.theirs import refused
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

DOCS = MAIN.parent / "docs"
CONFIG = MAIN.parent / "configs" / "demo_ann.yaml"


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.post_training", allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--clips", type=int, default=40, help="of test, that are scored")
    parser.add_argument("--frames", type=int, default=32, help="of train, that set the steps")
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--options", default="", help='words that every ANN gets, such as "--data.train 100"')
    options = parser.parse_args(given)
    words = ("--config", str(CONFIG), *shlex.split(options.options))
    runs = [
        Point(title=f"ANN, seed {seed}", run=options.out / f"seed-{seed}", arguments=(*words, "--seed", str(seed)))
        for seed in options.seeds
    ]
    sweep(runs, SweepSettings(parallel=options.parallel), options.out)
    seeds = []
    for point in runs:
        seeds.append(measured(str(point.run), options.clips, options.frames, options.levels, options.steps))
        print(f"{point.title}: ANN {seeds[-1]['ann']:.3f}", flush=True)
    left = refused(load_run(str(runs[0].run)).module.graph.pruned(["mask"]))
    command = shlex.join(["python", "-m", "tools.post_training", *(given or sys.argv[1:])])
    write_json(
        FOLDER / "post_training.json", {**provenance(command), "clips": options.clips, "seeds": seeds, "left": left}
    )
    write_whole(DOCS / "post_training.png", figure(seeds))
    write_whole(DOCS / "post_training.md", document(seeds, left, options.clips, command))
    print(DOCS / "post_training.md")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())

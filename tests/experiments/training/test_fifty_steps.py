"""The demo's network, by the command line: fifty steps of two processes are those of one, and bf16 trains.

In double precision, at the demo's own rate: in single precision the order of sums is seen after some ten steps, since
training at such a rate enlarges every rounding.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.run_folder import read_json

ROOT = Path(__file__).parents[3]


def trained(folder: Path, name: str, *more: str) -> tuple[list[float], dict[str, float]]:
    """160 clips of 5 frames, 16 frames a step: 50 steps. -> (losses, scores)"""
    run = folder / name
    command = [
        sys.executable, "main.py", "--mode", "ann", "--config", "configs/demo_ann.yaml", "--data.train", "160",
        "--data.val", "4", "--data.test", "30", "--data.cache", str(folder / "cache"), "--train.epochs", "1",
        "--train.log_every", "1", "--run", str(run), *more,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    with (run / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    return losses, read_json(run / "metrics.json")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_steps_of_two_processes_are_those_of_one(tmp_path):
    alone, scores = trained(tmp_path, "one", "--fabric.precision", "64-true")
    shared, others = trained(tmp_path, "two", "--fabric.precision", "64-true", "--fabric.devices", "2")
    assert len(alone) == 50 and alone[-1] < alone[0]
    assert shared == pytest.approx(alone, abs=1e-5)
    keys = [key for key in scores if key.startswith("miou") or key == "fscore"]
    assert len(keys) > 5
    for key in keys:
        assert others[key] == pytest.approx(scores[key], abs=1e-4), key


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_train_in_half_precision(tmp_path):
    losses, scores = trained(tmp_path, "half", "--fabric.precision", "bf16-mixed", "--fabric.devices", "2")
    assert sum(losses[-10:]) / 10 < 0.9 * sum(losses[:3]) / 3
    assert scores["miou"] > 0.1

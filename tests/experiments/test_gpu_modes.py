"""On a GPU: every mode end to end on chimes, and the same run on the CPU beside it."""

from __future__ import annotations

import csv
import json

import pytest
import torch

from experiments.cli import main
from experiments.network import load_run
from graph.lower import where
from kernels import cupy_backend

MISSING = "torch sees no CUDA device" if not torch.cuda.is_available() else cupy_backend.missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
GPU = ("--device", "cuda")


@pytest.fixture(scope="module")
def runs(small):
    ann = small("ann", "gpu-ann", *GPU)
    snn = small("snn", "gpu-snn", *GPU)
    converted = small("convert", "gpu-convert", "--from", str(ann), "--curve", "1", "2", "--exact.frames", "2", *GPU)
    return ann, snn, converted


def test_training_evaluation_and_conversion(runs):
    for folder in runs:
        metrics = json.loads((folder / "metrics.json").read_text())
        assert 0 < metrics["miou"] < 1 and metrics["clips"] == 30
        assert where(load_run(str(folder)).module).type == "cpu"
    assert json.loads((runs[2] / "metrics.json").read_text())["exact"] is True


def test_energy_is_the_cpus(runs, tmp_path):
    """Counts of events on a GPU and on the CPU: sums in another order may flip a few."""
    totals = []
    for device in ("cpu", "cuda"):
        out = tmp_path / device
        arguments = ["--mode", "energy", "--runs", str(runs[0]), str(runs[2]), "--clips", "3", "--out", str(out)]
        assert main([*arguments, "--device", device]) == 0
        totals.append(json.loads((out / "energy.json").read_text()))
    cpu, gpu = ([row["energy_uj"]["paper"] for row in rows] for rows in totals)
    assert gpu == pytest.approx(cpu, rel=2e-3)


def test_rates_are_the_cpus(runs, tmp_path):
    tables = []
    for device in ("cpu", "cuda"):
        out = tmp_path / device
        out.mkdir()
        arguments = ["--mode", "rates", "--run", str(runs[2]), "--clips", "3", "--out", str(out), "--device", device]
        assert main(arguments) == 0
        (path,) = out.glob("*-rates.csv")
        tables.append(list(csv.DictReader(path.open())))
    for cpu, gpu in zip(*tables, strict=True):
        assert cpu["site"] == gpu["site"]
        assert float(gpu["mean_count"]) == pytest.approx(float(cpu["mean_count"]), abs=2e-3)


def test_a_run_is_resumed(small, tmp_path):
    """Stopped and resumed on a GPU: the steps that follow see the same random numbers."""
    whole = small("ann", "gpu-whole", *GPU)
    small("ann", "gpu-parts", *GPU, "--train.stop_after", "2")
    parts = small("ann", "gpu-parts", *GPU, "--resume")
    first, second = (json.loads((f / "metrics.json").read_text())["miou"] for f in (whole, parts))
    assert second == pytest.approx(first, abs=0.05)

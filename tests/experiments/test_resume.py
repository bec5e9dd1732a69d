"""A run that was stopped or killed and then resumed ends with the weights of one that was not, bit for bit."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from experiments.cli import main
from experiments.run_folder import read_weights

ROOT = Path(__file__).parents[2]


def same_weights(a: Path, b: Path) -> bool:
    x, y = (read_weights(f / "model.safetensors") for f in (a, b))
    return x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x)


@pytest.mark.parametrize(
    ("mode", "extra"),
    [("ann", ("--information.weight", "0.1")), ("snn", ("--train.rate_penalty", "0.1"))],
)
def test_stopped_and_resumed_equals_uninterrupted(small, mode, extra):
    whole = small(mode, f"whole-{mode}", *extra)
    part = small(mode, f"part-{mode}", *extra, "--train.stop_after", "2")
    assert not (part / "metrics.json").exists()
    assert not (part / "model.safetensors").exists()
    small(mode, f"part-{mode}", *extra, "--resume")
    assert same_weights(whole, part)
    rows = [(f / "log.csv").read_text().splitlines() for f in (whole, part)]
    strip = [[r.split(",")[0] + "," + ",".join(r.split(",")[3:]) for r in table] for table in rows]
    assert strip[0] == strip[1]


def test_different_seed_gives_different_weights(small, ann_run):
    """The comparison above could not fail if every run ended the same."""
    assert not same_weights(ann_run, small("ann", "other-seed", "--seed", "1"))


def test_killed_and_resumed_equals_uninterrupted(small, tmp_path):
    """SIGKILL between two checkpoints: the steps after the last one are done again."""
    whole = small("ann", "whole-killed", "--train.epochs", "3")
    folder = tmp_path / "killed"
    cache = whole.parent / "cache"
    arguments = [
        sys.executable, str(ROOT / "main.py"), "--mode", "ann", "--config", str(ROOT / "configs" / "demo_ann.yaml"),
        "--run", str(folder), "--data.train", "16", "--data.val", "4", "--data.test", "30", "--data.cache", str(cache),
        "--train.epochs", "3", "--train.save_every", "2", "--train.log_every", "1",
    ]  # fmt: skip
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        log = folder / "log.csv"
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and len(log.read_text().splitlines()) > 4 and (folder / "state.pt").exists():
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait()
    assert not (folder / "model.safetensors").exists(), "the run ended before it could be killed"
    assert main([*arguments[2:], "--resume"]) == 0
    assert same_weights(whole, folder)


def test_resume_with_other_settings_is_refused(small, capsys):
    small("ann", "changed", "--train.stop_after", "1")
    with pytest.raises(AssertionError):
        small("ann", "changed", "--train.lr", "0.5", "--resume")
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "train.lr" in line
    assert "0.005" in line


def test_damaged_checkpoint_is_named(small, capsys):
    folder = small("ann", "damaged", "--train.stop_after", "1")
    (folder / "state.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(AssertionError):
        small("ann", "damaged", "--resume")
    assert "state.pt" in capsys.readouterr().err

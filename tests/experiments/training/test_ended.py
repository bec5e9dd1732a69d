"""Runs that are ended from outside, by the command line: killed at random moments, and asked to stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def ended(work: str, folder: Path, limit: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.killing", work, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


EQUAL = ("weights", "optimizer", "scheduler", "average", "best", "random", "step", "weights file", "metrics", "log")


@pytest.mark.timeout(280)
def test_asked_to_stop_it_saves_says_how_to_go_on_and_does(tmp_path):
    """By a cluster's time limit, by its warning, and by Ctrl-C."""
    result = ended("asked", tmp_path, 270)
    assert result["codes"] == [75, 75, 130]
    sentences = [line for line in result["words"].splitlines() if line.startswith("interrupted, and saved; continue")]
    assert len(sentences) == 3 and all(line.endswith("--resume") for line in sentences)
    assert [word in result["words"] for word in ("SIGTERM: stopping", "SIGUSR1: stopping", "SIGINT: stopping")]
    assert result["ended"] < 36, "no step was left to do"
    assert {key: result[key] for key in EQUAL} == dict.fromkeys(EQUAL, True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_change_no_bit(tmp_path):
    """With dropout, changed pictures, a mean of the weights and a critic; half of them while a checkpoint is saved."""
    result = ended("twenty", tmp_path, 580)
    assert len(result["at"]) == 20, result
    assert result["writing"] >= 3 and result["left"] == []
    assert {key: result[key] for key in EQUAL} == dict.fromkeys(EQUAL, True)

"""Small runs through the real command line, made once for the whole folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """``small(mode, name, *options)`` runs a mode on a few clips and returns the run's folder."""
    base = tmp_path_factory.mktemp("runs")
    common = ["--data.train", "16", "--data.val", "4", "--data.test", "30", "--data.cache", str(base / "cache")]

    def run(mode: str, name: str, *options: str) -> Path:
        config = {"ann": "demo_ann.yaml", "snn": "demo_snn.yaml", "convert": "demo_convert.yaml"}[mode]
        arguments = ["--mode", mode, "--config", str(ROOT / "configs" / config), "--run", str(base / name), *common]
        assert main([*arguments, "--train.epochs", "1", *options]) == 0
        return base / name

    return run


@pytest.fixture(scope="session")
def ann_run(small):
    return small("ann", "ann")


@pytest.fixture(scope="session")
def converted_run(small, ann_run):
    return small("convert", "snn", "--from", str(ann_run), "--exact.frames", "3", "--curve", "1", "2")

"""The demo end to end, shrunk: four runs as processes, two at a time, then the account and the report."""

from __future__ import annotations

import csv
import json

import pytest

from energy.baselines import BASELINES
from experiments.cli import main, parse
from experiments.demo import points
from experiments.modes.demo import DemoSettings
from experiments.run_folder import read_json
from experiments.sweep.lock import held


@pytest.mark.slow
@pytest.mark.timeout(900)  # four trainings
def test_demo_writes_its_table_picture_and_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "demo"
    arguments = ["--mode", "demo", "--out", str(out), "--epochs", "1", "--further", "1", "--train", "16"]
    assert main(arguments) == 0
    found = read_json(out / "demo.json")
    assert found["exact"] is True
    assert set(found["saving"]["strict_compute"]) == set(BASELINES)
    assert (out / "demo.png").stat().st_size > 10_000
    shown = capsys.readouterr().out
    for words in ("SNN", "paper_exact", "strict_compute(qann)", "bit for bit"):
        assert words in shown
    with (out / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["ann", "blind", "snn", "control"]
    assert rows[2]["miou"] == str(read_json(out / "snn" / "metrics.json")["miou"])

    # Nothing is trained again, and other settings are not taken for the same.
    weights = [(out / row["run"] / "model.safetensors").stat().st_mtime_ns for row in rows]
    assert main([*arguments, "--resume"]) == 0
    assert weights == [(out / row["run"] / "model.safetensors").stat().st_mtime_ns for row in rows]
    assert main([*arguments, "--resume", "--seed", "1"]) == 2
    assert "--seed of 'train the ANN' is 1" in capsys.readouterr().err


def test_the_snn_and_the_control_wait_for_the_ann_alone():
    ann, blind, snn, control = points(DemoSettings(out="d"))
    assert (ann.after, blind.after, snn.after, control.after) == ((), (), (ann,), (ann,))
    assert "--from d/ann" in snn.shown and "--init d/ann" in control.shown


def test_a_folder_is_continued_or_replaced_only_when_said_and_when_it_is_a_demos(tmp_path, capsys):
    out = tmp_path / "demo"

    def refusal(*more: str) -> str:
        assert main(["--mode", "demo", "--out", str(out), *more]) == 2
        return capsys.readouterr().err

    assert "no sweep.json" in refusal("--resume")
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert "or --resume, or --overwrite" in refusal()
    assert "no ann.out" in refusal("--overwrite")
    (out / "sweep.json").write_text(json.dumps([]))
    assert "expected one" in refusal("--resume", "--overwrite")
    with held(out / ".ann.lock"):
        assert "where ann still runs (process " in refusal("--overwrite")
    assert parse(["--mode", "demo", "--out", str(out), "--resume", "--parallel", "3"]).sweep.parallel == 3


def test_an_interrupted_demo_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.demo.split", interrupt)
    arguments = ["--mode", "demo", "--out", str(tmp_path / "demo"), "--parallel", "1"]
    assert main(arguments) == 130
    words = capsys.readouterr().err.split("continue with: python main.py ")[1].split()
    assert words == [*arguments, "--resume"]
    assert parse(words).resume


def test_a_cluster_that_is_not_there_is_said_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--mode", "demo", "--out", str(tmp_path / "demo"), "--sweep.executor", "slurm"]) == 2
    assert "sweep.executor is 'slurm', but this machine has no command sbatch" in capsys.readouterr().err
    assert main(["--mode", "demo", "--sweep.executor", "slrum"]) == 2
    assert "'slurm'" in capsys.readouterr().err

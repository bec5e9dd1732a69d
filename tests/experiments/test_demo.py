"""The demo end to end, shrunk: four runs as processes, two at a time, then the account and the report."""

from __future__ import annotations

import pytest

from experiments.cli import main
from experiments.demo_jobs import Job, run_jobs
from experiments.errors import UserError
from experiments.run_folder import read_json


@pytest.mark.slow
@pytest.mark.timeout(900)  # four trainings
def test_demo_writes_its_table_picture_and_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "demo"
    assert main(["--mode", "demo", "--out", str(out), "--epochs", "1", "--further", "1", "--train", "16"]) == 0
    found = read_json(out / "demo.json")
    assert found["exact"] is True
    assert set(found["saving"]["strict_compute"]) == {"dense_fp32", "zeroskip_fp32", "int8", "qann"}
    assert (out / "demo.png").stat().st_size > 10_000
    shown = capsys.readouterr().out
    for words in ("SNN", "paper_exact", "strict_compute(qann)", "bit for bit"):
        assert words in shown


def test_a_failing_child_is_named_with_its_last_words(tmp_path):
    job = Job("broken", tmp_path / "run", ("--mode", "ann", "--model.name", "miavz", "--run", str(tmp_path / "run")))
    with pytest.raises(UserError, match="miavz"):
        run_jobs([job], parallel=1)

"""The same through the real command line: six trainings, killed twice, end as if they had not been."""

from __future__ import annotations

import csv
import os
import signal

import pytest

from tests.experiments.sweep_points import driver, processes, trainings, until


def table(folder) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "train_seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.timeout(1200)  # twelve trainings
def test_six_trainings_killed_twice_end_as_if_they_had_not_been(tmp_path):
    cache, whole, killed = str(tmp_path / "cache"), tmp_path / "whole", tmp_path / "killed"
    with driver(whole, "--real", cache) as process:
        assert process.wait(600) == 0
    assert {row["state"] for row in table(whole)} == {"finished"}

    def saved() -> int:
        return len(list(killed.glob("*/state*"))) + len(list(killed.glob("*/checkpoints")))

    with driver(killed, "--real", cache) as first:
        until("two have saved", lambda: saved() >= 2, 120)
        first.kill()
    with driver(killed, "--real", cache) as second:
        until("four have saved", lambda: saved() >= 4, 240)
        second.kill()
    for process in processes(killed):
        os.kill(process, signal.SIGKILL)
    until("all are dead", lambda: not processes(killed))
    assert len(list(killed.glob("*/metrics.json"))) < 6
    with driver(killed, "--real", cache) as last:
        assert last.wait(600) == 0

    assert table(killed) == table(whole)
    for point in trainings(killed, cache):
        name = point.run.name
        assert point.log.read_text().count("mIoU") == 1, f"{name} ended twice"
        steps = [row.split(",")[0] for row in (point.run / "log.csv").read_text().splitlines()[1:]]
        assert steps == [row.split(",")[0] for row in (whole / name / "log.csv").read_text().splitlines()[1:]]
        assert (point.run / "model.safetensors").read_bytes() == (whole / name / "model.safetensors").read_bytes()

"""One network under everything: the tables hold what the report says."""

from __future__ import annotations

import json

import pytest

from energy.baselines import BASELINES
from energy.hardware import profiles
from tools import energy_models
from tools.energy_models import PLACES, main, ratios, readme_table, shown


@pytest.fixture(scope="module")
def report(ann_and_snn, tmp_path_factory):
    from experiments.cli import main as command

    out = tmp_path_factory.mktemp("energy")
    runs = [str(run) for run in ann_and_snn]
    assert command(["--mode", "energy", "--runs", *runs, "--clips", "2", "--out", str(out)]) == 0
    return out / "energy.json"


@pytest.fixture(scope="module")
def ann_and_snn(tmp_path_factory):
    from experiments.cli import main as command

    base, made = tmp_path_factory.mktemp("runs"), []
    data = ["--data.train", "4", "--data.val", "4", "--data.test", "30", "--data.cache", str(base / "cache")]
    for mode in ("ann", "snn"):
        words = ["--mode", mode, "--config", f"configs/demo_{mode}.yaml", "--run", str(base / mode)]
        assert command([*words, "--train.epochs", "0", *data]) == 0
        made.append(base / mode)
    return made


def test_ratios_are_those_of_the_report(report):
    row = json.loads(report.read_text())[1]
    found = ratios(row)
    assert set(found) == {name for name, p in profiles().items() if p.whole}
    for x, opponent in BASELINES.items():
        of = found[opponent.profile]
        assert of["compute"][x] == pytest.approx(1 - row["saving"]["strict_compute"][x], abs=2e-6)
        for place in PLACES[1:]:
            assert of[place][x] == pytest.approx(1 - row["memory"][place][x]["saving"], rel=1e-5, abs=2e-6)


def test_the_files_say_so_in_words_and_bold(report, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(energy_models, "FOLDER", tmp_path)
    monkeypatch.setattr(energy_models, "DOC", tmp_path / "models.md")
    assert main([str(report)]) == 0
    text = (tmp_path / "models.md").read_text()
    assert all(name in text for name in PLACES[1:]) and all(b.label in text for b in BASELINES.values())
    kept = json.loads((tmp_path / "energy_models.json").read_text())["ratios"]["int8_45nm"]
    assert shown(kept["event_core_1MB"]["int8"]) in readme_table() and "**" in readme_table()
    assert main([str(report), "--run", "lif"]) == 2
    assert "--run is 'lif', which no row of" in capsys.readouterr().err


def test_what_is_dearer_is_bold_and_what_has_no_price_is_said():
    assert [shown(v) for v in (0.5, 1.5, 12.3, None)] == ["0.50", "**1.50**", "**12**", "no price"]

"""The tool that puts other libraries' neurons beside ours: equal or refused; and it can say that they differ."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from experiments.cli import main as command
from snn.libraries import LIBRARIES
from snn.libraries.neurons import LibraryNeurons
from tools import compare_backends

FEW = ("the demo's LIF", "the demo's IF")


def test_every_row_of_the_demos_neurons_is_equal_or_refused():
    table = compare_backends.rows(1, FEW)
    assert [(row.setting, row.library) for row in table] == [(s, name) for s in FEW for name in LIBRARIES]
    equal = {(row.setting, row.library) for row in table if row.verdict == "equal"}
    assert equal == {(s, "spikingjelly") for s in FEW} | {("the demo's IF", "snntorch")}
    assert all(row.verdict.startswith("refused because") for row in table if row.verdict != "equal")
    assert all(row.loss_error < 1e-3 and row.times_ours > 0 for row in table if row.verdict == "equal")
    text = compare_backends.markdown(table, "the command")
    assert text.count("| equal |") == 3 and "`the command`" in text


def test_a_library_that_fires_otherwise_is_not_called_equal(monkeypatch):
    right = LibraryNeurons.sequence
    monkeypatch.setattr(LibraryNeurons, "sequence", lambda self, x, *more: right(self, x - 0.01, *more))
    table = compare_backends.rows(1, FEW[:1])
    assert "differs: 0." in table[0].verdict


def test_the_shipped_table_is_of_every_setting():
    text = (Path(compare_backends.__file__).parents[1] / "docs" / "backends.md").read_text()
    for setting in compare_backends.SETTINGS:
        assert text.count(f"| {setting} | ") == len(LIBRARIES)
    assert "differs" not in text


def words(small_run: Path, name: str, *more: str) -> list[str]:
    return [
        "--mode", "snn", "--config", "configs/demo_lif.yaml", "--run", str(small_run), "--neuron.backend", name,
        "--data.train", "16", "--data.val", "4", "--data.test", "30", "--train.epochs", "1", "--neuron.steps", "2",
        *more,
    ]  # fmt: skip


def test_a_run_trains_and_reloads_on_a_librarys_neurons(tmp_path, monkeypatch):
    from experiments.network import load_run

    folder = tmp_path / "run"
    steps: list[int] = []
    right = LIBRARIES["spikingjelly"].neurons_class.steps_of
    monkeypatch.setattr(
        LIBRARIES["spikingjelly"].neurons_class,
        "steps_of",
        lambda self, x, state: steps.append(len(x)) or right(self, x, state),
    )
    assert command(words(folder, "spikingjelly", "--data.cache", str(tmp_path / "cache"))) == 0
    trained = len(steps)
    run = load_run(str(folder))
    assert trained > 100 and set(steps) == {2}
    with torch.no_grad():
        mask = run.deployed(image=torch.rand(2, 3, 64, 64), logmel=torch.randn(2, 1, 96, 64))["mask"]
    assert mask.isfinite().all() and len(steps) > trained, "the deployed network is the library's too"
    assert json.loads((folder / "metrics.json").read_text())["neuron"] == "lif"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("snntorch", "neuron.backend is 'snntorch': site 'sites."),
        ("norse", "the package norse is not installed; pip install 'spikeavs[norse]' brings it"),
        ("spikingjely", "nearest: 'spikingjelly'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(tmp_path, capsys, monkeypatch, name, said):
    find = importlib.util.find_spec
    monkeypatch.setattr("snn.libraries.backend.find_spec", lambda n: None if n == "norse" else find(n))
    folder = tmp_path / "run"
    assert command(words(folder, name)) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not folder.exists()

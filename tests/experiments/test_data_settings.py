"""Each dataset has settings of its own: what is said in a config of the time before, and what help lists."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from experiments import cli
from experiments.config_file import load
from experiments.datasets import AvsbenchSettings, ChimesSettings
from experiments.errors import UserError
from experiments.modes.ann import AnnSettings


def flat_config(**changes) -> str:
    """A config of when every dataset's keys stood in one bag."""
    bag = {"dataset": "chimes", "variant": "ms3", "classes": 5, "train": 9, "seed": 0, "cache": "kept", "root": ""}
    return yaml.safe_dump({"mode": "ann", "seed": 7, "data": {**bag, **changes}})


def test_a_config_of_one_bag_of_keys_still_loads():
    assert load(flat_config()) == AnnSettings(seed=7, data=ChimesSettings(train=9, cache="kept"))
    found = load(flat_config(dataset="avsbench", root="somewhere")).data
    assert found == AvsbenchSettings(root="somewhere", train=9, cache="kept")


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"root": "somewhere"}, "'data.root' is no key of dataset chimes; avsbench and stamps have it"),
        (
            {"dataset": "avsbench", "root": "x", "classes": 4},
            "'data.classes' is no key of dataset avsbench; chimes has",
        ),
        ({"rot": ""}, "'data.rot' is no key of mode ann"),
        ({"dataset": "chime"}, "data.dataset is 'chime', expected one of chimes, avsbench, stamps; nearest: 'chimes'"),
        ({"dataset": 3}, "data.dataset is '3', expected one of chimes, avsbench"),
        ({"dataset": None}, "data.dataset is empty, expected one of chimes, avsbench"),
        ({"dataset": {"name": "chimes"}}, "data.dataset is a mapping, expected one of chimes, avsbench"),
    ],
)
def test_another_datasets_key_that_says_something_is_refused(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        load(flat_config(**changes))


def test_help_lists_the_keys_of_the_dataset_that_is_named(tmp_path, monkeypatch, capsys):
    """On the command line, or in the config."""
    monkeypatch.chdir(tmp_path)
    Path("avsbench.yaml").write_text("mode: ann\ndata: {dataset: avsbench}\n")
    for words in ("--mode ann --data.dataset avsbench", "--config avsbench.yaml"):
        assert cli.main([*words.split(), "--help"]) == 0
        out = capsys.readouterr().out
        assert "--data.root" in out and "--data.classes" not in out and "one of s4, ms3, avss" in out
    assert cli.main(["--mode", "ann", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--data.root" not in out and "--data.classes" in out and "--data.dataset avsbench" in " ".join(out.split())

"""What cannot be converted is one sentence, exit code 2, and nothing is written."""

import shutil

import pytest

from convert.export import ARRAYS
from experiments import cli


def convert(*words: str) -> int:
    return cli.main(["--mode", "convert", *words])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--neuron.levels 0", "neuron.levels is 0, expected at least 1"),
        ("--neuron.levels four", "neuron.levels"),
        ("--neuron.kind ilf", "neuron.kind is 'ilf', expected one of if, lif, plif, ilif"),
        ("--spikes.levels nowhere=2", "nowhere"),
        ("--calibrate.statistics batches", "calibrate.statistics is 'batches'"),
        ("--calibrate.percentile 2", "calibrate.percentile is 2"),
        ("--model.name etavs", "is 'miavs' of spec 'tiny', expected the settings' 'etavs'"),
    ],
)
def test_mistakes(words, sentence, ann_run, tmp_path, capsys):
    out = tmp_path / "out"
    assert convert("--from", str(ann_run), "--run", str(out), *words.split()) == 2
    said = capsys.readouterr().err
    assert sentence in said and len(said.strip().splitlines()) == 1
    assert not out.exists()


def test_a_run_that_is_none(converted_run, ann_run, tmp_path, capsys):
    out = tmp_path / "out"
    hollow = shutil.copytree(ann_run, tmp_path / "hollow")
    (hollow / ARRAYS).unlink()
    for source, sentence in (
        (converted_run, "is a run of mode 'convert', expected 'ann'"),
        (tmp_path / "nowhere", "which is not there, expected the folder of a run"),
        (hollow, f"{ARRAYS} is missing, expected the file that"),
    ):
        assert convert("--from", str(source), "--run", str(out)) == 2
        assert sentence in capsys.readouterr().err
    assert not out.exists()

"""Parts of the loss that read other outputs of the network, through the command line."""

from __future__ import annotations

import csv

import pytest

from experiments.cli import parse
from experiments.errors import UserError


def test_a_run_logs_the_parts_that_it_asked_for(small):
    words = ("--loss.feature", "0.1", "--information.weight", "0.1", "--information.estimator", "released")
    folder = small("ann", "released", *words, "--train.log_every", "1")
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"dice", "bce", "feature", "information"} <= rows[0].keys()
    first = {key: float(value) for key, value in rows[0].items()}
    expected = first["dice"] + first["bce"] + 0.1 * first["feature"] - 0.1 * first["information"]
    assert first["loss"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "words, sentence",
    [
        ("--loss.set 1", "loss.set: found 1.0 with a network without the outputs queries_class_0"),
        ("--information.weight 1 --information.level mask_featur", "nearest: 'mask_feature'"),
        ("--model.name avsegformer --information.weight 1 --information.estimator released", "no output 'mi_map'"),
        ("--information.estimator relased", "nearest: 'released'"),
    ],
)
def test_an_output_that_the_model_lacks_is_said_before_anything_is_written(words, sentence):
    with pytest.raises(UserError, match=sentence):
        parse(["--mode", "ann", *words.split()])

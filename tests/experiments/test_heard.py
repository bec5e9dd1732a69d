"""``loss.heard`` and ``loss.seen``: a network that is told names learns them; refused where nobody knows any."""

from __future__ import annotations

import pytest
import torch

from avs.augment.spec import AugmentSpec
from avs.chimes import ChimesSpec, generate
from avs.losses.spec import LossSpec
from experiments import cli
from experiments.settings import ModelSettings
from tests.trainers import run, settings, trainer

TINY = ModelSettings(name="miavs", spec="tiny")


def test_it_learns_to_name_what_it_hears(tmp_path):
    """Far below the cross-entropy of a guess among five, in forty steps."""
    of = settings(model=TINY, epochs=4, batch=10, lr=5e-3, loss=LossSpec(heard=1.0))
    one = run(trainer(of, tmp_path / "run", generate(ChimesSpec(), "train", 20)))
    assert float(one.terms["heard"]) < 0.9
    assert any("heard" in name for name in one.criterion.state_dict())
    assert not any("heard" in name for name in one.network.state_dict()), "the classifier is for training alone"


def test_it_learns_to_name_what_it_sees(tmp_path):
    """Among six, background included; with crops and mirrors, so the map must move with the picture."""
    of = settings(
        model=TINY, epochs=8, batch=10, lr=5e-3, loss=LossSpec(seen=1.0), augment=AugmentSpec(flip=0.5, crop=0.2)
    )
    one = run(trainer(of, tmp_path / "run", generate(ChimesSpec(), "train", 20)))
    assert float(one.terms["seen"]) < 0.9
    assert any("seen" in name for name in one.criterion.state_dict())
    assert not any("seen" in name for name in one.network.state_dict())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "--data.dataset avsbench --data.root . --model.spec full --loss.heard 1",
            "avsbench does not name what is seen and what sounds, expected 0, or one of chimes, stamps",
        ),
        (
            "--data.dataset avsbench --data.root . --model.spec full --loss.seen 1",
            "loss.seen is 1.0, but avsbench does not name what is seen and what sounds, expected 0",
        ),
        ("--loss.heard -1", "expected a weight of 0 or more"),
        ("--loss.seen -1", "expected a weight of 0 or more"),
    ],
)
def test_mistakes(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--mode", "ann", *words.split()]) == 2
    assert sentence in capsys.readouterr().err


def test_who_is_not_told_is_as_before(tmp_path):
    """The weight 0 draws no random number and changes no weight."""
    plain = run(trainer(settings(), tmp_path / "a")).network.state_dict()
    zero = run(trainer(settings(loss=LossSpec(heard=0.0, seen=0.0)), tmp_path / "b")).network.state_dict()
    assert all(torch.equal(plain[name], zero[name]) for name in plain)

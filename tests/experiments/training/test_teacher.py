"""A network that follows another while it trains."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from avs.losses.distil import distil
from avs.losses.spec import DistilSpec
from experiments import cli
from experiments.binding import digests
from experiments.config_file import dump
from experiments.datasets import AvsbenchSettings
from experiments.errors import Stopped, UserError
from experiments.run_folder import write_json, write_weights
from experiments.settings import DistilSettings
from experiments.training.teacher import teacher_of
from graph.lower.files import graph_file
from tests.trainers import SIDE, random_clips, run, settings, trainer


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The folder of a run of another seed, as much of it as is read. (Its config names data of any size.)"""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    one = run(trainer(settings(seed=5), folder))
    (folder / "config.yaml").write_text(dump(replace(one.settings, data=AvsbenchSettings(root=".", image=SIDE))))
    (folder / "graph.json").write_text(graph_file(one.network))
    write_weights(folder / "model.safetensors", one.network.state_dict())
    write_json(folder / "metrics.json", {"files": digests(folder)})
    return folder


def follows(teacher, **weights):
    return DistilSettings(teacher=str(teacher), **weights)


def distance(one, teacher) -> float:
    network, taught = one.network.eval(), teacher_of(settings(distil=follows(teacher, logits=1.0)), one.network.graph)
    batch = random_clips(4).frame_batch(torch.arange(4), torch.zeros(4, dtype=torch.long))
    with torch.no_grad():
        mine, theirs = (net(image=batch["image"], logmel=batch["logmel"]) for net in (network, taught))
    return float(distil(mine, theirs, DistilSpec(features=1.0))["loss"])


@pytest.mark.parametrize("mode", ["ann", "snn"])
def test_who_follows_comes_nearer(mode, teacher, tmp_path):
    alone = run(trainer(settings(mode, epochs=10), tmp_path / "alone"))
    weights = {"logits": 1.0, "features": 20.0}
    led = run(trainer(settings(mode, epochs=10, distil=follows(teacher, **weights)), tmp_path / "led"))
    assert distance(led, teacher) < 0.8 * distance(alone, teacher)
    assert {"distil_logits", "distil_features"} <= led.terms.keys()
    assert led.criterion.state_dict().keys() == alone.criterion.state_dict().keys(), "a teacher is not saved"


def test_a_teacher_stays_as_it_was(teacher, tmp_path):
    before = (teacher / "model.safetensors").read_bytes()
    led = trainer(settings(distil=follows(teacher, logits=1.0)), tmp_path / "led")
    held = led.criterion.__dict__["teacher"]
    weights = {name: value.clone() for name, value in held.state_dict().items()}
    run(led)
    assert all(torch.equal(value, weights[name]) for name, value in held.state_dict().items()) and not held.training
    assert (teacher / "model.safetensors").read_bytes() == before


def test_a_resumed_run_follows_on(teacher, tmp_path):
    of = {"epochs": 2, "distil": follows(teacher, logits=1.0, features=1.0)}
    whole = run(trainer(settings(**of), tmp_path / "whole")).network.state_dict()
    first = trainer(settings(**of, stop_after=3), tmp_path / "parts")
    with pytest.raises(Stopped):
        run(first)
    second = trainer(settings(**of), tmp_path / "parts")
    second.restore()
    again = run(second).network.state_dict()
    assert all(torch.equal(again[name], whole[name]) for name in whole)


def test_a_teacher_of_another_shape_is_refused(teacher):
    from experiments.network import network
    from experiments.settings import ModelSettings

    other = settings(distil=follows(teacher, logits=1.0), model=ModelSettings(name="miavs", spec="tiny"))
    with pytest.raises(UserError, match=r"whose 'image' has the shape \(3, 32, 32\), expected \(3, 64, 64\)"):
        teacher_of(other, network(other, 1, 0).graph)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--distil.logits 1", "distil.teacher is missing"),
        ("--distil.teacher runs/lost --distil.logits 1", "distil.teacher is 'runs/lost', which is not there"),
        ("--distil.teacher runs/lost", "expected one above 0"),
        ("--distil.features -1", "0 or more"),
    ],
)
def test_mistakes(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--mode", "snn", *words.split()]) == 2
    assert sentence in capsys.readouterr().err


def test_conversion_follows_what_it_converts():
    from experiments.modes.convert import ConvertSettings

    led = ConvertSettings(source="runs/a", distil=DistilSettings(logits=1.0))
    assert led.teacher == "runs/a" and ConvertSettings(source="runs/a").teacher == ""
    assert ConvertSettings(source="runs/a", distil=DistilSettings(teacher="runs/b", features=1.0)).teacher == "runs/b"

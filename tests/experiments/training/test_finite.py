"""A loss that is no number ends the run with step, place and the batch, and that batch can be looked at again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from experiments.cli import main
from experiments.errors import UserError
from experiments.training import finite
from experiments.training.loop import Trainer
from experiments.training.replay import replay
from tests.trainers import random_clips, run, settings, trainer


def test_weights_that_are_no_numbers_are_named(tmp_path):
    one = trainer(settings(), tmp_path / "run")
    with torch.no_grad():
        one.network.get_parameter("audio_proj.weight")[0, 0] = float("nan")
    with pytest.raises(finite.NotFinite, match=r"step 1: the loss is nan; first not finite: the weights audio_proj"):
        run(one)


def too_large(one: Trainer) -> Trainer:
    """A kernel whose products leave the range of the numbers."""
    with torch.no_grad():
        one.network.get_parameter("backbone.stem.weight").mul_(1e38)
    return one


def test_the_first_node_is_named_and_the_batch_kept(tmp_path):
    clips = random_clips(8)
    one = too_large(trainer(settings(), tmp_path / "run", clips))
    before = {name: p.detach().clone() for name, p in one.network.named_parameters()}
    with pytest.raises(finite.NotFinite) as refusal:
        run(one)
    sentence, file = str(refusal.value), one.folder / "bad-step-1.pt"
    assert sentence.startswith("step 1: the loss is nan; first not finite: node backbone.stem (Conv)")
    assert f"--replay {file}" in sentence
    saved = finite.load(file)
    (part,) = next(trainer(settings(), tmp_path / "other", clips)._steps())
    assert saved["step"] == 1 and torch.equal(saved["batch"]["image"], part[1]["image"])
    assert all(clips.name(clip) in sentence for clip in saved["clip"].unique().tolist()[:3])
    assert all(torch.equal(before[name], p) for name, p in one.network.named_parameters())


def test_a_finite_loss_with_a_gradient_that_is_not(tmp_path):
    one = trainer(settings(), tmp_path / "run")
    one.network.get_parameter("audio_proj.weight").register_hook(lambda grad: grad * float("inf"))
    with pytest.raises(
        finite.NotFinite, match=r"the loss is finite, and the gradient of 1 parameters is not .*audio_proj"
    ):
        run(one)


def test_a_gradient_whose_square_is_too_large(tmp_path):
    """Each number is finite, their norm is not: the largest is named, by its size before anything was scaled."""
    one = trainer(settings(), tmp_path / "run")
    one.network.get_parameter("audio_proj.weight").register_hook(lambda grad: torch.full_like(grad, -3e20))
    with pytest.raises(
        finite.NotFinite, match=r"too large to be measured \(at most 3\.0e\+20, at .*audio_proj.weight\)"
    ):
        run(one)


def test_gradients_whose_squares_are_too_large_are_named():
    module = torch.nn.Linear(2, 1)
    module.weight.grad, module.bias.grad = torch.full((1, 2), -3e20), torch.ones(1)
    assert finite.bad_gradient(module) == "the gradient is too large to be measured (at most 3.0e+20, at weight)"


def test_a_run_that_blows_up_is_looked_at_again_by_what_it_says(small, capsys):
    """Through the command line: the step, the words to type, the same place again."""
    blown = ("--train.lr", "1e30", "--train.warmup", "0", "--train.clip", "0")
    with pytest.raises(AssertionError):
        small("ann", "blown", *blown)
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    pattern = r"^step (\d+): .*; first not finite: (\S+ \S+) .*(--config \S+ --replay (\S+));"
    step, place, words, file = re.search(pattern, sentence).groups()
    folder = Path(file).parent
    assert int(step) > 1 and not (folder / "model.safetensors").exists()
    files = sorted(path.name for path in folder.iterdir())
    assert main(words.split()) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"step {step} again: loss nan") and f"first not finite: {place}" in shown
    assert sorted(path.name for path in folder.iterdir()) == files


def test_a_replay_of_what_was_well_says_nothing_is_wrong(tmp_path):
    of = settings()
    one = trainer(of, tmp_path / "run")
    (part,) = next(one._steps())
    content = {
        "step": 1, "network": one.network.state_dict(), "batch": part[1], "clip": part[0],
        "random": vars(finite.Random.now(one.generator, one.device)), "frozen": False,
    }  # fmt: skip
    finite.save(tmp_path / "bad-step-1.pt", content)
    told = replay(type(of)(**{**vars(of), "replay": str(tmp_path / "bad-step-1.pt")}))
    loss, _ = one.criterion(part[1], part[0], one.generator)
    assert f"loss {float(loss.detach()):.6g}" in told and told.endswith("first not finite: nothing")


def test_a_file_that_is_no_replay_is_said(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"x")
    for path in (tmp_path / "x.pt", tmp_path / "none.pt"):
        with pytest.raises(UserError, match="expected a file bad-step-N.pt"):
            finite.load(path)


def test_a_replay_with_another_network_is_said(tmp_path):
    one = too_large(trainer(settings(), tmp_path / "run"))
    with pytest.raises(finite.NotFinite):
        run(one)
    (file,) = one.folder.glob("bad-step-*.pt")
    other = settings("snn")
    with pytest.raises(UserError, match="whose weights do not fit miavs of mode snn"):
        replay(type(other)(**{**vars(other), "replay": str(file)}))

"""The loop does what its settings say: clipping, freezing, parts of a step, the mean of weights, the best on val."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
import torch

from experiments import train_mode
from experiments.errors import Stopped
from experiments.settings import InformationSettings
from experiments.training.fabric import clip_gradients
from graph.lower import Network
from tests.trainers import random_clips, run, settings, trainer


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_gradient_that_reaches_the_optimizer_is_clipped(tmp_path):
    one, norms = trainer(settings(clip=0.01), tmp_path / "run"), []

    def seen(*_):
        grads = [p.grad for p in one.criterion.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(grads)))

    one.optimizer.optimizer.register_step_pre_hook(seen)
    run(one)
    assert norms == pytest.approx([0.01] * 4, rel=1e-3)


def test_the_norm_that_is_clipped_is_that_of_all_gradients_before(tmp_path):
    one = trainer(settings(), tmp_path / "run")
    for parameter in one.criterion.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    count = sum(p.numel() for p in one.criterion.parameters())
    norm = clip_gradients(one.fabric, one.criterion, one.optimizer, 1.0)
    assert float(norm) == pytest.approx(2 * count**0.5, rel=1e-5)
    assert clip_gradients(one.fabric, one.criterion, one.optimizer, 0.0) is None


def test_a_frozen_backbone_stays_for_its_epochs_and_learns_afterwards(tmp_path):
    of = settings(epochs=2, freeze_epochs=1, stop_after=4)
    one = trainer(of, tmp_path / "run")
    start = weights(one.network)
    with pytest.raises(Stopped):
        run(one)
    frozen = weights(one.network)
    inside = [name for name in start if name.startswith("backbone.")]
    assert inside and all(torch.equal(start[name], frozen[name]) for name in inside), "norms' statistics too"
    assert not same(start, frozen)
    rest = trainer(replace(of, train=replace(of.train, stop_after=0)), tmp_path / "run")
    assert rest.restore() == "" and rest.step == 4
    run(rest)
    learnt = weights(rest.network)
    assert any(not torch.equal(frozen[name], learnt[name]) for name in inside)


@pytest.mark.parametrize("mode", ["ann", "snn"])
def test_parts_of_a_step_add_up_to_the_step(tmp_path, mode):
    """Norms in evaluation, so that a part's statistics are those of the whole; then the gradients must agree."""
    gradients = []
    for accumulate in (1, 2, 4):
        one = trainer(settings(mode, accumulate=accumulate, clip=0.0), tmp_path / f"run{accumulate}")
        for part in one.network.modules():
            if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
                part.eval()
        one._update(next(one._steps()))
        gradients.append({name: p.grad for name, p in one.criterion.named_parameters() if p.grad is not None})
        assert one.terms.keys() >= {"loss", "dice", "bce"}
    for other in gradients[1:]:
        assert other.keys() == gradients[0].keys()
        for name, value in gradients[0].items():
            scale = float(value.abs().max()) + 1e-6
            assert float((other[name] - value).abs().max()) < 2e-4 * scale + 1e-7, name


def test_the_mean_of_the_weights_follows_every_update_and_is_what_a_run_leaves(tmp_path, monkeypatch):
    decay = 0.5
    one = trainer(settings(ema=decay), tmp_path / "run")
    means = {name: p.detach().clone() for name, p in one.network.named_parameters()}
    update = one._update

    def followed(parts):
        update(parts)
        for name, parameter in one.network.named_parameters():
            means[name] = decay * means[name] + (1 - decay) * parameter.detach()

    monkeypatch.setattr(one, "_update", followed)
    run(one)
    result = dict(one.result().named_parameters())
    assert all(torch.allclose(result[name], mean, atol=1e-6) for name, mean in means.items())
    last = dict(one.network.named_parameters())
    assert any(not torch.equal(result[name], last[name]) for name in means)


def test_the_best_of_the_scores_is_what_is_left_where_the_run_asks_for_it(tmp_path):
    scores, seen = iter([0.1, 0.9, 0.3]), []

    def validate(network: Network) -> float:
        seen.append(weights(network))
        return next(scores)

    one = trainer(settings(epochs=3, validate=1, result="best"), tmp_path / "run", validate=validate)
    result = weights(run(one).result())
    assert len(seen) == 3 and one.best.step == 8
    assert same(result, seen[1]) and not same(result, seen[2])


def test_the_score_that_chooses_is_that_of_val(monkeypatch, small):
    asked = []
    split = train_mode.split

    def noted(data, name):
        asked.append(name)
        return split(data, name)

    monkeypatch.setattr(train_mode, "split", noted)
    monkeypatch.setattr(train_mode, "scores", lambda *_: {"miou": 0.0, "fscore": 0.0, "clips": 0})
    monkeypatch.setattr(train_mode, "score_int8", lambda *_: 0.0)
    small("ann", "best-on-val", "--train.validate", "1", "--train.result", "best")
    assert "val" in asked and "test" not in asked


def test_what_is_resumed_draws_the_random_numbers_that_would_have_come(tmp_path):
    """The loss's own generator and torch's: both stand where they stood."""
    of = settings(information=InformationSettings(weight=0.1), stop_after=2)
    one = trainer(of, tmp_path / "run")
    torch.rand(3)  # as dropout would
    with pytest.raises(Stopped):
        run(one)
    expected = torch.rand(4), torch.rand(4, generator=one.generator)
    torch.manual_seed(99)
    other = trainer(of, tmp_path / "run")
    other.restore()
    assert torch.equal(torch.rand(4), expected[0])
    assert torch.equal(torch.rand(4, generator=other.generator), expected[1])


def test_a_resumed_optimizer_has_its_moments_and_its_rate(tmp_path):
    of = settings(epochs=2, stop_after=3)
    one = trainer(of, tmp_path / "run")
    with pytest.raises(Stopped):
        run(one)
    other = trainer(of, tmp_path / "run")
    other.restore()
    pairs = zip(one.criterion.parameters(), other.criterion.parameters(), strict=True)
    states = [(one.optimizer.optimizer.state[a], other.optimizer.optimizer.state[b]) for a, b in pairs]
    filled = [(a, b) for a, b in states if a]
    assert filled and all(torch.equal(a[key], b[key]) for a, b in filled for key in ("exp_avg", "exp_avg_sq", "step"))
    rates = [[group["lr"] for group in t.optimizer.optimizer.param_groups] for t in (one, other)]
    assert rates[0] == rates[1]
    assert other.scheduler.last_epoch == 3


def test_the_log_has_a_row_a_step_with_every_part(tmp_path):
    one = run(trainer(settings("snn", log_every=2, rate_penalty=0.1), tmp_path / "run"))
    with (one.folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    for row in rows:
        loss = float(row["dice"]) + float(row["bce"]) + 0.1 * float(row["count"])
        assert float(row["loss"]) == pytest.approx(loss, abs=3e-6)


def test_a_run_reads_the_clips_that_it_is_given(tmp_path):
    one, other = (run(trainer(settings(), tmp_path / str(n), random_clips(8, seed=n))) for n in (0, 1))
    assert not same(weights(one.network), weights(other.network))

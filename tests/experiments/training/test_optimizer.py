"""Which parameters decay, and at which rate each of them learns."""

from __future__ import annotations

import pytest
import torch

from experiments.errors import Stopped
from experiments.training.criterion import Criterion
from experiments.training.optimizer import optimizer_of, parameter_groups
from tests.trainers import random_clips, run, settings, trainer


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """Parameter by name -> its group."""
    of = settings("snn", lr=0.1, backbone_lr=0.25, weight_decay=0.3)
    criterion = trainer(of, tmp_path_factory.mktemp("run")).criterion
    names = {parameter: name for name, parameter in criterion.named_parameters()}
    groups = parameter_groups(criterion, of.train)
    table = [(names[p], p, group) for group in groups for p in group["params"]]
    assert sorted(name for name, *_ in table) == sorted(names.values()), "each parameter once"
    return table


def test_matrices_and_kernels_decay_and_norms_biases_and_steps_do_not(rules):
    norms = [n for n, *_ in rules if "norm" in n]
    assert norms and any(n.endswith(".step") for n, *_ in rules) and any(n.endswith("bias") for n, *_ in rules)
    for name, parameter, group in rules:
        small = parameter.ndim < 2
        assert group["weight_decay"] == (0.0 if small else 0.3), name
    assert all(group["weight_decay"] == 0.0 for n, _, group in rules if n in norms or n.endswith((".bias", ".step")))


def test_the_backbone_has_its_share_of_the_rate(rules):
    inside = [group["lr"] for name, _, group in rules if name.startswith("network.backbone.")]
    outside = [group["lr"] for name, _, group in rules if not name.startswith("network.backbone.")]
    assert inside and set(inside) == {0.1 * 0.25}
    assert outside and set(outside) == {0.1}


def test_a_first_step_moves_the_backbone_by_its_share(tmp_path):
    """AdamW's first update is the rate times the sign of the gradient."""
    of = settings(lr=0.01, backbone_lr=0.1, weight_decay=0.0, warmup=0.0, clip=0.0, batch=16)
    one = trainer(of, tmp_path / "run", random_clips(8))
    before = {name: p.detach().clone() for name, p in one.criterion.named_parameters()}
    run(one)
    assert one.step == 1
    moves = {
        name: (p.detach() - before[name]).abs().median().item()
        for name, p in one.criterion.named_parameters()
        if p.ndim > 1
    }
    inside = [move for name, move in moves.items() if name.startswith("network.backbone.")]
    outside = [move for name, move in moves.items() if not name.startswith("network.backbone.") and move]
    assert inside == pytest.approx([0.001] * len(inside), rel=0.05)
    assert outside == pytest.approx([0.01] * len(outside), rel=0.05)


def test_the_update_is_fused_where_the_device_has_it(tmp_path):
    of = settings()
    one = trainer(of, tmp_path / "run")
    assert one.optimizer.optimizer.defaults["fused"]
    assert not optimizer_of(Criterion(one.network, of), of.train, fused=False).defaults["fused"]
    assert isinstance(one.optimizer.optimizer, torch.optim.AdamW)


def test_steps_move_by_a_share_of_what_they_are(tmp_path):
    """A step of 8 and one of 0.5: one update moves each by the same factor, whatever the backbone's share."""
    of = settings("snn", lr=0.01, step_lr=5.0, backbone_lr=0.1, warmup=0.0, clip=0.0, batch=16)
    one = trainer(of, tmp_path / "run", random_clips(8))
    steps = {n: p for n, p in one.criterion.named_parameters() if n.endswith(".step")}
    large, small = sorted(steps)[:2]
    with torch.no_grad():
        steps[large].fill_(8.0)
        steps[small].fill_(0.5)
    groups = parameter_groups(one.criterion, of.train)
    own = {id(p): group for group in groups for p in group["params"]}
    assert len(own) == len(list(one.criterion.parameters()))
    for step in steps.values():
        assert own[id(step)]["params"] == [step] and own[id(step)]["weight_decay"] == 0.0
        assert own[id(step)]["lr"] == pytest.approx(0.05 * step.item())
    rest = {group["lr"] for group in groups if not any(p is q for p in group["params"] for q in steps.values())}
    assert rest == {0.01, 0.001}


def test_steps_keep_their_rates_when_a_run_goes_on(tmp_path):
    """They are shares of what a step was when training began, not when it went on."""
    of = {"lr": 0.01, "step_lr": 20.0, "warmup": 0.0, "schedule": "constant", "save_every": 1}
    clips = random_clips(8)
    straight = trainer(settings("snn", **of), tmp_path / "straight", clips)
    run(straight)
    stopped = trainer(settings("snn", **of, stop_after=2), tmp_path / "stopped", clips)
    with pytest.raises(Stopped):
        run(stopped)
    again = trainer(settings("snn", **of), tmp_path / "stopped", clips)
    run(again)
    assert again.step == straight.step > 2
    before, after = dict(straight.criterion.named_parameters()), dict(again.criterion.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in before)

"""A wrong fold leaves a network that runs from events without a flaw; only what was trained tells that it is wrong."""

from __future__ import annotations

import pytest

from ann import QANN
from convert import fold as folding
from convert.compare import equal_counts
from convert.fidelity import Fidelity, Limits, fidelity
from convert.fold import affine, fold_network
from convert.snap import snap
from convert.widths import narrow
from graph.passes import SpikeSpec
from layers.site import ThresholdSite

LIMITS = Limits(folded=0.999, lost=0.01)


@pytest.fixture(scope="module")
def trained(taken_over):
    return taken_over(SpikeSpec(), QANN)


def measured(trained, batch, lost=0.0) -> Fidelity:
    stages = [trained, fold_network(trained), narrow(fold_network(trained), 8, 12)]
    return fidelity([*stages, snap(narrow(fold_network(trained), 8, 12), 12)], batch, lost=lost)


def without_mean(norm):
    a, c = affine(norm)
    return a, c + a * norm.running_mean.double()


def without_bias(norm):
    a, c = affine(norm)
    return a, c - norm.bias.detach().double()


def without_root(norm):
    a, c = affine(norm)
    variance = (norm.running_var.double() + norm.eps).sqrt()
    return a / variance, norm.bias.detach().double() + (c - norm.bias.detach().double()) / variance


def after_site(change):
    """``_fold_site``, and then a fault in what it wrote."""
    right = folding._fold_site

    def wrong(site, folded, before, worth):
        right(site, folded, before, worth)
        change(folded)

    return wrong


def unsigned(site):
    site.sign.fill_(1)


def whole_edges(site):
    if isinstance(site, ThresholdSite):
        site.upper.add_((site.upper[1] - site.upper[0]) / 2)


def without_step(old, new, behind, step, right=folding._fold_weights):
    right(old, new, behind, None)


MUTANTS = {
    "mean": ("affine", without_mean),
    "bias": ("affine", without_bias),
    "root": ("affine", without_root),
    "sign": ("_fold_site", after_site(unsigned)),
    "edges": ("_fold_site", after_site(whole_edges)),
    "step": ("_fold_weights", without_step),
}


def test_a_right_fold_keeps_the_counts(trained, batch):
    kept = measured(trained, batch)
    assert kept.folded >= 0.9999 and kept.followed >= 0.9999 and kept.narrowed < 1 and kept.grid < 1
    assert kept.broken(LIMITS) == ""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_fold_does_not(trained, batch, monkeypatch, mutant):
    name, wrong = MUTANTS[mutant]
    monkeypatch.setattr(folding, name, wrong)
    kept = measured(trained, batch)
    assert kept.folded < 0.99
    assert "of the counts of the folded network are those of the trained one, expected 0.999" in kept.broken(LIMITS)


def test_a_site_answers_for_itself_alone(trained, batch):
    """One threshold beside its place moves the counts of its site; what follows it is counted only where it is read."""
    folded, wrong = fold_network(trained), fold_network(trained)
    early = next(module for module in wrong.modules() if isinstance(module, ThresholdSite))
    early.upper += (early.upper[1] - early.upper[0]) / 2
    alone, free = (equal_counts(folded, wrong, batch, site_by_site=flag) for flag in (True, False))
    assert free < alone < 1
    assert equal_counts(folded, fold_network(trained), batch, site_by_site=True) == 1
    early.upper -= (early.upper[1] - early.upper[0]) / 2
    own = equal_counts(folded, wrong, batch, site_by_site=True)
    assert own > alone, "and it alone was to blame"


def test_each_stage_is_held_against_the_one_before(trained, batch):
    folded, wrong = fold_network(trained), fold_network(trained)
    early = next(module for module in wrong.modules() if isinstance(module, ThresholdSite))
    early.upper += (early.upper[1] - early.upper[0]) / 2
    kept = fidelity([folded, folded, wrong, wrong], batch, lost=0.0)
    assert kept.folded == kept.followed == kept.grid == 1
    assert kept.narrowed == equal_counts(folded, wrong, batch) < 1


def test_both_reasons_are_said():
    kept = Fidelity(folded=0.7, followed=0.5, narrowed=1.0, grid=1.0, lost=0.02)
    assert kept.broken(LIMITS).split("; ") == [
        "0.700000 of the counts of the folded network are those of the trained one, expected 0.999 or more",
        "0.0200 of mIoU are lost by deployment, expected 0.01 or less",
    ]
    assert "expected 0.01" in Fidelity(folded=1.0, followed=1.0, narrowed=1.0, grid=1.0, lost=float("nan")).broken(
        LIMITS
    )

"""Fewer levels where they are not missed: the front falls in additions, and no step of it costs more than it may."""

from __future__ import annotations

import pytest
import torch

from ann import ANN, QANN
from convert.calibrate import calibrate
from convert.levels import sites_of
from convert.search import measured, search, with_fewer
from graph.lower import lower, observe
from graph.models import build
from graph.passes import SpikeSpec, driven_macs, spikify


@pytest.fixture
def network(randomise, batch):
    torch.manual_seed(0)
    plain = build("miavs", "micro").pruned(["mask"])
    ann = randomise(lower(plain, ANN))
    module = lower(spikify(plain, SpikeSpec()), QANN)
    module.load_state_dict(ann.state_dict(), strict=False)
    calibrate(ann, module, batch, 0.99)
    return module.eval()


def test_one_site_has_half_the_levels_and_covers_the_same(network):
    site = next(name for name, of in sites_of(network.graph).items() if of.learn)
    fewer = with_fewer(network, site, 2)
    before, after = sites_of(network.graph), sites_of(fewer.graph)
    assert {name for name in before if before[name] != after[name]} == {site} and after[site].levels == 2
    steps = [n.get_submodule(site).step.item() for n in (network, fewer)]
    assert steps[1] * 2 == pytest.approx(steps[0] * 4)
    assert before[site].levels == 4, "the other network is as it was"


def test_additions_are_means_times_macs(network, batch):
    adds, logits = measured(network, batch)
    counts = {}
    observe(network, batch, lambda node, inputs, value: counts.update({node.name: float(value.abs().mean())}))
    assert adds == pytest.approx(sum(counts[name] * macs for name, macs in driven_macs(network.graph).items()))
    with torch.no_grad():
        assert torch.equal(logits, network(**batch)["mask"])


def near(network, batch, wanted) -> float:
    return -float((measured(network, batch)[1] - wanted).square().mean())


def test_what_may_be_lost_is_not_exceeded(network, batch):
    _, wanted = measured(network, batch)
    loss = 0.005 * float(wanted.square().mean())
    best, front = search(network, batch, lambda n: near(n, batch, wanted), loss)
    assert front[0].site == "" and front[0].score == 0 and all(kept.score >= -loss for kept in front)
    levels = {name: site.levels for name, site in sites_of(best.graph).items()}
    assert {kept.site: kept.levels for kept in front[1:]} == {n: d for n, d in levels.items() if d < 4} != {}
    assert measured(best, batch)[0] == front[-1].adds < front[0].adds


def test_where_nothing_may_be_lost_nothing_is_halved(network, batch):
    best, front = search(network, batch, lambda n: 1.0 if n is network else 0.0, 0.5)
    assert best is network and len(front) == 1

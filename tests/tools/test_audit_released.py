"""The audit of a published claim: rates 0 and 1 are what a network does that never, or always, fires."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from convert.fold import fold_network
from energy.account import account
from energy.savings import savings
from graph.lower import lower
from graph.models import build
from graph.ops import REGISTRY
from graph.passes import spikify
from layers.site import ThresholdSite
from snn import SNN
from tools.audit_released import BY_MACS, PUBLISHED, at_rates, constant, main, measured


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return fold_network(lower(spikify(build("miavs", "micro").pruned(["mask"])), SNN).eval())


@pytest.fixture(scope="module")
def batch():
    return {"image": torch.rand(2, 3, 32, 32), "logmel": torch.randn(2, 1, 96, 64)}


def firing(network, batch, count: int):
    """The account of the same network whose every neuron fires ``count`` (0 or 1), whatever it reads."""
    before = {k: v.clone() for k, v in network.state_dict().items()}
    for site in network.modules():
        if isinstance(site, ThresholdSite):
            site.upper.fill_(torch.inf)
            site.upper[:count] = -torch.inf
            if site.signed:
                site.lower.fill_(-torch.inf)
    counted = account(network, [batch])
    network.load_state_dict(before)
    return counted


def test_rate_0_is_a_silent_network(network, batch):
    """Row by row, every column that follows events; and so every saving."""
    silent, set_to_0 = firing(network, batch, 0), at_rates(account(network, [batch]), constant(0.0))
    for a, b in zip(silent.rows, set_to_0.rows, strict=True):
        if a.spiking:
            for column in BY_MACS:
                assert np.mean(getattr(a.counts, column)) == np.mean(getattr(b.counts, column)) == 0, a.name
        assert np.mean(a.counts.spike_msgs) == np.mean(b.counts.spike_msgs)


def test_rate_1_is_a_network_that_always_fires(network, batch):
    """Equal where every tap is in the picture; never less, since dense MACs count taps beyond its borders too."""
    always, set_to_1 = firing(network, batch, 1), at_rates(account(network, [batch]), constant(1.0))
    same = 0
    for a, b in zip(always.rows, set_to_1.rows, strict=True):
        if a.spiking and REGISTRY[a.op].weighted:
            ours, theirs = np.mean(a.counts.ac_w), np.mean(b.counts.ac_w)
            assert theirs == pytest.approx(np.mean(b.counts.macs)) and ours <= theirs + 1e-6, a.name
            same += ours == pytest.approx(theirs)
            assert np.mean(a.counts.events) == pytest.approx(np.mean(b.counts.events))
        assert np.mean(a.counts.spike_msgs) == pytest.approx(np.mean(b.counts.spike_msgs)), a.name
    assert same > 20


def test_measured_rates_of_the_same_network_change_nothing(network, batch):
    whole = account(network, [batch])
    again = at_rates(whole, measured(whole))
    dense = account(lower(build("miavs", "micro").pruned(["mask"]), SNN).eval(), [batch])
    a, b = savings(dense, whole), savings(dense, again)
    assert a["paper_exact"] == pytest.approx(b["paper_exact"], abs=1e-9)
    for kind in ("strict_compute", "strict_memory"):
        assert a[kind] == pytest.approx(b[kind], abs=1e-9)


def test_rates_of_another_network_are_refused(network, batch):
    whole = account(network, [batch])
    other = account(network, [batch])
    other = type(other)(**{**vars(other), "rows": other.rows[:5]})
    with pytest.raises(ValueError, match="has no node '.*', expected the same model and form"):
        at_rates(whole, measured(other))


def test_a_run_of_another_form_is_refused(tmp_path, capsys):
    from experiments.cli import main as command

    run = tmp_path / "snn"
    words = ["--mode", "snn", "--config", "configs/demo_snn.yaml", "--run", str(run), "--train.epochs", "0"]
    data = ["--data.train", "4", "--data.val", "4", "--data.test", "30", "--data.cache", str(tmp_path / "cache")]
    assert command([*words, *data]) == 0
    monkey = ["--image", "64", "--rates", str(run)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.audit_released.counted", lambda graph, spiking: None)
        assert main(monkey) == 2
    assert "is no run of spikes.form released" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tool_at_a_small_size(tmp_path):
    out = tmp_path / "audit.json"
    assert main(["--image", "64", "--json", str(out), "--markdown", str(tmp_path / "a.md")]) == 0
    found = json.loads(out.read_text())
    never, always = found["savings"]["rate 0"], found["savings"]["rate 1"]
    assert found["published"] == PUBLISHED == pytest.approx(0.804, abs=1e-3)
    assert always["paper"] < never["paper"] <= found["spike_fed_share_of_macs"] + 0.02 < 0.5
    assert "80.4%" in (tmp_path / "a.md").read_text()

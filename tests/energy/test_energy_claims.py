"""A claim of spikes is checked on every value; an op without a formula is an error; coverage is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ann import ANN, QANN
from energy.account import account
from energy.claims import counts
from energy.counters import COUNTERS
from energy.observe import observe
from graph.graph import Graph
from graph.lower import Network, lower
from graph.neuron import Neuron
from graph.ops import REGISTRY, Act, Conv, Input, Linear, Op, View
from graph.passes import SpikeSpec, spikify


class Planted(nn.Module):
    """A site that adds something to what it fires."""

    def __init__(self, site: nn.Module, extra: float) -> None:
        super().__init__()
        self.site, self.extra = site, extra
        self.step, self.scale = site.step, site.scale

    def forward(self, x: Tensor) -> Tensor:
        y = self.site(x).clone()
        y.view(-1)[3] = self.extra
        return y


def small() -> Graph:
    g = Graph()
    x = g("act", Act(axis=0), g("image", Input(dims=(2, 4, 4))))
    g.output("mask", g("conv", Conv(cin=2, cout=3, kernel=(3, 3), padding=1), x))
    return g


@pytest.mark.parametrize("value", [0.37, -1.0, 5.0, float("nan")])
def test_a_false_claim_names_the_node(spiking: Callable, value: float) -> None:
    module = spiking(small())
    module.sites.act = Planted(module.sites.act, value)
    with pytest.raises(ValueError, match=r"node 'sites\.act' claims spikes"):
        account(module, [{"image": torch.rand(2, 2, 4, 4)}])


def test_a_false_claim_downstream_names_that_node(spiking: Callable) -> None:
    g = Graph()
    x = g("act", Act(axis=0), g("image", Input(dims=(2, 4, 4))))
    x = g("tokens", View(pattern="c h w -> (h w) c"), x)
    g.output("mask", g("linear", Linear(cin=2, cout=3), x))
    module = spiking(g)
    view = next(n for n in module.graph.nodes if n.meta.get("node", "").endswith("tokens"))
    real = view.target
    view.target = lambda x, *a, **k: real(x, *a, **k) + 0.5
    with pytest.raises(ValueError, match=r"node '[\w.]*tokens' claims spikes, but holds"):
        observe(module, {"image": torch.rand(1, 2, 4, 4)}, lambda seen: None)


def test_counts_keep_the_unit_of_their_site() -> None:
    value = torch.tensor([0.0, 0.3, -0.6])
    assert counts(value, 0.3, 2, True, "x").tolist() == [0.0, 1.0, -2.0]
    with pytest.raises(ValueError, match=r"node 'x' claims spikes in \[0, 2\], but holds counts from -2 to 1"):
        counts(value, 0.3, 2, False, "x")
    with pytest.raises(ValueError, match="node 'x' claims spikes, but holds"):
        counts(value, 0.25, 4, True, "x")


@dataclass(frozen=True, kw_only=True)
class Strange(Op):
    """An op nobody has counted."""


REGISTRY.pop("Strange")


def test_an_op_without_a_counter_is_an_error() -> None:
    g = small()
    g.output("odd", g("odd_one", Strange(), "conv"))
    table = type(ANN)("strange", {**ANN.table, Strange: lambda op: nn.Identity()})
    with pytest.raises(ValueError, match="node 'odd_one': op 'Strange' has no energy counter"):
        account(lower(g, table), [{"image": torch.rand(1, 2, 4, 4)}])


def test_every_op_has_a_counter() -> None:
    assert set(COUNTERS) == set(REGISTRY.values())


def test_coverage_is_whole(snn: object, ann: object, stepped: object) -> None:
    assert {a.coverage for a in (snn, ann, stepped)} == {1.0}  # type: ignore[attr-defined]


def test_inputs_are_required_and_modes_restored(ann_module: Network, batch: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"batch lacks the inputs \['logmel'\]"):
        account(ann_module, [{"image": batch["image"]}])
    with pytest.raises(ValueError, match="at least one batch"):
        account(ann_module, [])
    with pytest.raises(ValueError, match="does not divide into samples of 3"):
        account(ann_module, [batch], frames=3)
    with pytest.raises(ValueError, match="no source graph"):
        account(fx.symbolic_trace(nn.Identity()), [batch])
    assert ann_module.training


def test_quantised_and_spiking_networks_of_one_step_count_alike(spiking: Callable) -> None:
    torch.manual_seed(0)
    image = {"image": 2 * torch.randn(3, 2, 4, 4)}
    snn = spiking(small())
    qann = lower(spikify(small(), SpikeSpec(neuron=Neuron(levels=4))), QANN)
    qann.load_state_dict(snn.state_dict())
    one, other = account(snn, [image]), account(qann, [image])
    assert np.array_equal(one.totals.ac_w, other.totals.ac_w) and one.totals.sum("ac_w") > 0

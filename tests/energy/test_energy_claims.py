"""A claim of spikes is checked on every value; an op without a formula is an error; coverage is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ann import ANN, QANN
from energy.account import account
from energy.claims import check
from energy.counters import COUNTERS, counter, elementwise
from energy.observe import observe
from energy.tally import Tally
from graph.graph import Graph
from graph.lower import Network, lower
from graph.neuron import Neuron
from graph.ops import (
    REGISTRY,
    Act,
    Concat,
    Conv,
    Drop,
    Expand,
    Fold,
    Input,
    Linear,
    Op,
    Output,
    Pad,
    Resize,
    Slice,
    Unfold,
    View,
)
from graph.passes import SpikeSpec, spikify
from graph.values import Integer, Spike


class Planted(nn.Module):
    """A site that adds something to what it fires."""

    def __init__(self, site: nn.Module, extra: float) -> None:
        super().__init__()
        self.site, self.extra = site, extra
        self.step = site.step

    def forward(self, x: Tensor, **unit: Tensor) -> Tensor:
        y = self.site(x, **unit).clone()
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
    view = next(n for n in module.calls if n.endswith("tokens"))
    real = module.calls[view]
    module.calls[view] = replace(real, fn=lambda x, *a, **k: real.fn(x, *a, **k) + 0.5)
    with pytest.raises(ValueError, match=r"node '[\w.]*tokens' claims spikes, but holds"):
        observe(module, {"image": torch.rand(1, 2, 4, 4)}, lambda seen: None)


def test_counts_are_whole_and_within_their_range() -> None:
    value = torch.tensor([0.0, 1.0, -2.0])
    check(Tally(value), Spike(2, True, "s"), "x")
    with pytest.raises(ValueError, match=r"node 'x' claims spikes in \[0, 2\], but holds counts from -2 to 1"):
        check(Tally(value), Spike(2, False, "s"), "x")
    with pytest.raises(ValueError, match="node 'x' claims spikes, but holds -2.4, which is no whole count"):
        check(Tally(value * 1.2), Spike(4, True, "s"), "x")


def test_counts_of_all_steps_are_within_as_many_ranges() -> None:
    value = torch.tensor([0.0, 4.0, 8.0])
    check(Tally(value), Integer(8, Spike(2, False, "s")), "x")
    with pytest.raises(ValueError, match=r"node 'x' claims spikes in \[0, 6\], but holds counts from 0 to 8"):
        check(Tally(value), Integer(6, Spike(2, False, "s")), "x")


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


LAYOUT = (
    View(pattern="a -> a"),
    Slice(stop=1),
    Pad(),
    Drop(p=0.5),
    Unfold(frames=2),
    Fold(frames=2),
    Concat(),
    Expand(),
    Resize(size=(2, 2)),
    Output(),
)


def test_every_op_has_a_counter() -> None:
    """Or only moves values, which costs nothing."""
    assert set(COUNTERS) | {type(op) for op in LAYOUT} == set(REGISTRY.values())
    assert not set(COUNTERS) & {type(op) for op in LAYOUT}
    assert all(op.moves and counter("node", op) is elementwise.nothing for op in LAYOUT)


def test_coverage_is_whole(snn: object, ann: object, stepped: object) -> None:
    assert {a.coverage for a in (snn, ann, stepped)} == {1.0}  # type: ignore[attr-defined]


def test_inputs_are_required_and_modes_restored(ann_module: Network, batch: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"batch lacks the inputs \['logmel'\]"):
        account(ann_module, [{"image": batch["image"]}])
    with pytest.raises(ValueError, match="at least one batch"):
        account(ann_module, [])
    with pytest.raises(ValueError, match="does not divide into samples of 3"):
        account(ann_module, [batch], frames=3)
    assert ann_module.training


def test_quantised_and_spiking_networks_of_one_step_count_alike(spiking: Callable) -> None:
    torch.manual_seed(0)
    image = {"image": 2 * torch.randn(3, 2, 4, 4)}
    snn = spiking(small())
    qann = lower(spikify(small(), SpikeSpec(neuron=Neuron(levels=4))), QANN)
    qann.load_state_dict(snn.state_dict())
    one, other = account(snn, [image]), account(qann, [image])
    assert np.array_equal(one.totals.ac_w, other.totals.ac_w) and one.totals.sum("ac_w") > 0

"""The dyadic grid: everything that can be is on it, what cannot be is refused with the reason."""

import pytest
import torch

from ann import ANN, QANN
from convert.fold import fold_network
from convert.snap import LIMIT, grid_of, headroom, snap, to_grid
from graph.graph import Graph
from graph.lower import lower
from graph.neuron import Neuron
from graph.ops import Act, Conv, Input, Norm, Site
from graph.passes import SpikeSpec
from layers.site import ThresholdSite
from snn import SNN


def on_grid(x: torch.Tensor, bits: int) -> bool:
    return torch.equal(x.double() * 2**bits, (x.double() * 2**bits).round())


@pytest.mark.parametrize("bits", [4, 7])
def test_everything_is_on_the_grid(taken_over, bits):
    folded = fold_network(taken_over(SpikeSpec(), QANN))
    off = sum(not on_grid(p, bits) for p in folded.parameters())
    before = {k: v.clone() for k, v in folded.state_dict().items()}
    snap(folded, bits)
    assert off > 40 and all(on_grid(p, bits) for p in folded.parameters())
    for site in folded.modules():
        if isinstance(site, ThresholdSite):
            assert on_grid(site.upper, bits) and (not site.signed or on_grid(site.lower, bits))
            assert torch.log2(site.step) == torch.log2(site.step).round()
    for key, value in folded.state_dict().items():
        small = before[key].abs() < 2**20
        assert (value - before[key])[small].abs().max() <= 2.0 ** -(bits + 1) * 1.001, key


def test_live_norms_are_refused(softmax_like):
    with pytest.raises(ValueError, match="'norm' is a norm of live statistics"):
        snap(softmax_like, 7)


@pytest.fixture
def softmax_like():
    g = Graph(name="live")
    y = g("stem", Conv(cin=2, cout=4), g("x", Input(dims=(2, 4, 4))))
    g.output("y", g("norm", Norm(form="group", channels=4, groups=2), y))
    return fold_network(lower(g, ANN))


def test_several_steps_are_refused(taken_over):
    folded = fold_network(taken_over(SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3), SNN))
    with pytest.raises(ValueError, match=r"'sites\..*' runs over several steps"):
        snap(folded, 7)


def test_a_step_off_the_powers_of_two_is_refused(taken_over):
    folded = fold_network(taken_over(SpikeSpec(), QANN))
    next(m for m in folded.modules() if isinstance(m, ThresholdSite)).step.fill_(0.3)
    with pytest.raises(ValueError, match=r"has step 0.3.*expected a power of two"):
        snap(folded, 7)


def test_rounding():
    x = torch.tensor([0.3, -0.3, 1.0, 1 / 256])
    assert to_grid(x, 2).tolist() == [0.25, -0.25, 1.0, 0.0]
    assert [grid_of(torch.tensor(v)) for v in ([1.0, 3.0], [0.5], [0.25, 7.0], [-3 / 128])] == [0, 1, 2, 7]
    assert grid_of(torch.tensor([2.0**-60])) == 41


def tower(weight: float, bits: int = 0):
    g = Graph(name="tower")
    s = g(
        "s", Act(site=Site(name="s", neuron=Neuron(levels=4), channels=2, folded=True)), g("x", Input(dims=(2, 3, 3)))
    )
    g.output("y", g("conv", Conv(cin=2, cout=1, kernel=(3, 3), padding=1, bias=True), s))
    module = lower(g, QANN)
    module.get_submodule("s").upper.copy_(torch.arange(1.0, 5.0)[:, None].expand(4, 2))
    layer = module.get_submodule("conv")
    layer.weight.data.fill_(-weight)
    layer.weight.data[0, 0, 0, 0] = 2.0**-bits
    layer.bias.data.fill_(5.0)
    return module


def test_headroom_is_the_largest_sum_of_absolute_terms():
    """All 18 inputs at 4 counts: 17 weights of 3, one of 2**-5, a bias of 5, in units of 2**-5."""
    found = headroom(tower(3.0, 5), {"x": torch.full((1, 2, 3, 3), 9.0)})
    assert found == {"conv": (17 * 4 * 3 + 4 / 32 + 5) * 32 / LIMIT}


def test_headroom_runs_out():
    assert headroom(tower(2.0**17, 5), {"x": torch.full((1, 2, 3, 3), 9.0)})["conv"] > 1


def test_small_networks_have_room(snapped, batch):
    found = headroom(snapped, batch)
    assert len(found) > 40 and max(found.values()) < 1

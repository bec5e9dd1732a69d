"""Sites: counts are integers within the levels, the step learns, folded sites only compare."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from graph.neuron import Neuron
from graph.ops import Act, Gate, Norm, Score, Site
from graph.values import Unit
from layers.quantise import Quantiser
from layers.site import FoldedSite, SpikeSite, ThresholdSite


def make(op=Act, *, levels=4, signed=False, step=0.5, **kw) -> SpikeSite:
    neuron = Neuron(levels=levels)
    firing = op(site=Site(name="s", neuron=neuron, signed=signed, step=step, channels=6, axis=-1, **kw))
    return SpikeSite(firing, Quantiser(neuron, signed, 1))


@given(st.integers(1, 6), st.booleans(), st.floats(0.01, 3), st.integers(0, 99))
def test_a_site_hands_on_counts(levels, signed, step, seed):
    x = 4 * torch.randn(40, 6, generator=torch.Generator().manual_seed(seed))
    n = make(levels=levels, signed=signed, step=step)(x).detach()
    assert torch.equal(n, n.round())
    assert n.max() <= levels and n.min() >= (-levels if signed else 0)
    wanted = (x / torch.tensor(step)).clamp(-levels if signed else 0, levels).round()
    assert torch.equal(n, wanted)


def test_step_learns_as_in_lsq():
    """Of the value y = n s that the counts stand for: dy/ds = round(x/s) - x/s inside, D above, 0 below an unsigned
    clip; and dy/dx = 1 inside, else 0."""
    site = make(levels=4, step=0.5)
    for value, wanted_s, wanted_x in ((0.6, 1 - 1.2, 1.0), (0.9, 2 - 1.8, 1.0), (7.0, 4.0, 0.0), (-1.0, 0.0, 0.0)):
        x = torch.tensor([[value]], requires_grad=True)
        ds, dx = torch.autograd.grad((site(x) * site.step).sum(), (site.step, x))
        assert ds.item() == pytest.approx(wanted_s, abs=1e-5)
        assert dx.item() == pytest.approx(wanted_x, abs=1e-6)


def test_gradient_of_the_step_is_finite():
    site = make(levels=4, step=1e-3, signed=True)
    (site(torch.randn(1000, 6) * 100) * site.step).square().sum().backward()
    assert torch.isfinite(site.step.grad)


def test_a_fixed_step_is_a_buffer():
    site = make(learn=False)
    assert not list(site.parameters()) and set(site.state_dict()) == {"step"}
    assert set(dict(make().named_parameters())) == {"step"}


def test_norm_stands_in_front():
    site = make(norm=Norm(channels=6, axis=-1), step=0.25).eval()
    site.norm.running_mean.fill_(1.0)
    site.norm.weight.data.fill_(-2.0)
    x = torch.randn(30, 6)
    wanted = ((x - 1) * -2 / (1 + site.norm.eps) ** 0.5 / 0.25).clamp(0, 4).round()
    assert torch.equal(site(x), wanted)


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        (Act(), (1.0, 0.0, 1.0)),
        (Gate(fn="sigmoid"), (0.25, 0.5, 1.0)),
        (Gate(fn="hard"), (1.0, 0.5, 1.0)),
        (Score(fn="relu", scale=0.125), (1.0, 0.0, 0.125)),
    ],
)
def test_how_each_op_reads_its_input_and_what_a_count_is_worth(op, wanted):
    assert (*op.gain_shift, op.worth) == wanted


def test_a_gate_is_centred_on_one_half():
    site = make(lambda site: Gate(fn="hard", site=site), levels=4, step=0.25)
    x = torch.tensor([[-1.0, -0.5, -0.2, 0.0, 0.3, 0.9]])
    assert (site(x) * site.step).tolist() == [[0.0, 0.0, 0.25, 0.5, 0.75, 1.0]]


def test_a_score_is_scaled_after_counting():
    """The scale is in the unit of its counts, not in the counts."""
    op = Score(fn="relu", scale=0.25, site=Site(name="s", step=1.0, channels=6, axis=-1))
    site = SpikeSite(op, Quantiser(Neuron(levels=4), False, 1))
    n = site(torch.tensor([[0.4, 0.6, 2.2, 9.0, -3.0, 1.0]]))
    assert op.made_unit == Unit(0.25, ("s",))
    assert (n * op.made_unit.factor * site.step).tolist() == [[0.0, 0.25, 0.5, 1.0, 0.0, 0.25]]


def test_a_site_reads_counts_by_their_unit():
    x, unit = torch.arange(-3.0, 9.0).reshape(2, 6), torch.tensor(0.375)
    for site in (make(), make(norm=Norm(channels=6, axis=-1)).eval(), make(lambda site: Gate(site=site))):
        assert torch.equal(site(x, unit=unit), site(x * unit))


def test_a_lent_norm_stands_in_front_and_keeps_its_owner():
    front = nn.BatchNorm1d(6).eval()
    front.running_mean.fill_(0.5)
    site, x = make(), torch.randn(30, 6, generator=torch.Generator().manual_seed(5))
    wanted = site(front(x))
    site.lend(front)
    assert torch.equal(site(x), wanted) and set(site.state_dict()) == {"step"}


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("signed", [False, True])
def test_thresholds_count_as_loops_do(axis, signed):
    site = ThresholdSite(
        Act(axis=axis, site=Site(name="s", neuron=Neuron(levels=3), signed=signed, channels=4, axis=axis, folded=True))
    )
    random = torch.Generator().manual_seed(2)
    site.sign.copy_(torch.tensor([1.0, -1.0, 1.0, -1.0]))
    site.upper.copy_(torch.randn(3, 4, generator=random).sort(0).values)
    if signed:
        site.lower.copy_(site.upper - 2)
    x = torch.randn(2, 4, 3, 4, generator=random)
    found, wanted = site(x), torch.zeros_like(x)
    for index in torch.cartesian_prod(*(torch.arange(n) for n in x.shape)).tolist():
        channel = index[1] if axis == 0 else index[-1]
        value = x[tuple(index)] * (-1 if channel % 2 else 1)
        n = 0
        for level in range(3):
            n += int(value >= site.upper[level, channel])
            n -= int(signed and value <= site.lower[level, channel])
        wanted[tuple(index)] = n
    assert torch.equal(found, wanted) and found.unique().numel() > 3
    assert torch.equal(site(4 * x, unit=torch.tensor(0.25)), wanted)


def test_a_tie_crosses_the_threshold():
    site = ThresholdSite(Act(axis=-1, site=Site(name="s", neuron=Neuron(levels=1), channels=1, axis=-1, folded=True)))
    site.upper.fill_(0.5)
    assert site(torch.tensor([[0.5]])).item() == 1 and site(torch.tensor([[0.4999]])).item() == 0


@pytest.mark.parametrize("axis", [0, -1])
def test_a_folded_site_integrates_the_affine(axis):
    op = Act(axis=axis, site=Site(name="s", neuron=Neuron(levels=4), signed=True, channels=4, axis=axis, folded=True))
    site = FoldedSite(op, Quantiser(Neuron(levels=4), True, 1))
    random = torch.Generator().manual_seed(3)
    for name in ("bias", "theta"):
        getattr(site, name).copy_(torch.rand(4, generator=random) + 0.1)
    site.sign.copy_(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    x = 3 * torch.randn(5, 4, 4, 4, generator=random)
    moved = x.movedim(1, -1) if axis == 0 else x
    wanted = ((moved * site.sign + site.bias) / site.theta).clamp(-4, 4).round()
    assert torch.equal(site(x), wanted.movedim(-1, 1) if axis == 0 else wanted)
    assert set(site.state_dict()) == {"sign", "bias", "theta", "step"} and not list(site.parameters())

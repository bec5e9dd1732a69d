"""The real-valued dialect is torch's functions; the quantised one puts a quantiser where the graph has a site."""

import pytest
import torch

from ann import ANN, QANN
from graph.dialect import Call, Dialect, Place
from graph.lower import lower
from graph.neuron import Neuron
from graph.ops import REGISTRY, Act, Gate, Input, Op, Output, Quantize, Score, Site
from graph.values import REAL
from layers.quantise import Quantiser
from layers.site import SpikeSite, ThresholdSite
from snn import SNN


def made_by(dialect: Dialect, op: Op):
    return dialect.make("node", op, Place(kinds=(REAL,), steps=1, backend=dialect.backend))


@pytest.mark.parametrize("dialect", [ANN, QANN, SNN])
def test_every_op_has_a_row(dialect):
    assert {t.__name__ for t in dialect.table} | {Input.__name__, Output.__name__} == set(REGISTRY)


@pytest.mark.parametrize("op", [Act, Gate, Score])
def test_sites(op):
    site = Site(name="s", neuron=Neuron(levels=3), signed=True, channels=2)
    assert isinstance(made_by(ANN, op()), Call) and isinstance(made_by(QANN, op()), Call)
    unfolded = made_by(QANN, op(site=site))
    assert type(unfolded) is SpikeSite and type(unfolded.fire) is Quantiser
    assert (unfolded.fire.neuron.levels, unfolded.fire.signed) == (3, True)
    folded = Site(name="s", neuron=Neuron(levels=3), channels=2, folded=True)
    assert type(made_by(QANN, op(site=folded))) is ThresholdSite


def test_only_the_real_valued_dialect_skips_the_grid():
    x = torch.tensor([0.3])
    calls = [made_by(dialect, Quantize(bits=1)) for dialect in (ANN, QANN, SNN)]
    assert [c.fn(x, *c.args).item() for c in calls] == [pytest.approx(0.3), 0.5, 0.5]


def test_the_quantised_ann_is_the_one_step_integer_snn():
    from graph.models import build
    from graph.passes import spikify

    torch.manual_seed(0)
    graph = spikify(build("avsegformer", "micro"))
    a, b = lower(graph, QANN).eval(), lower(graph, SNN).eval()
    b.load_state_dict(a.state_dict())
    batch = {"image": torch.rand(2, 3, 32, 32), "logmel": torch.randn(2, 1, 96, 64)}
    one, two = a(**batch), b(**batch)
    assert all(torch.equal(one[k], two[k]) for k in one)

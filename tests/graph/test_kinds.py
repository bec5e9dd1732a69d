"""What is an event and what is not: the table of kinds, op by op."""

import pytest

from graph.graph import Graph
from graph.infer import infer
from graph.neuron import Neuron
from graph.ops import (
    Act,
    Add,
    Concat,
    Conv,
    Decode,
    Drop,
    Input,
    Linear,
    MatMul,
    Mul,
    Norm,
    Pool,
    Quantize,
    Reduce,
    Score,
    Site,
    Slice,
    Upsample,
    View,
)
from graph.values import REAL, Integer, Spike, magnitude

A, B = Spike(4, False, "sites.a"), Spike(3, True, "sites.b")
TWIN = Spike(4, False, "sites.twin")  # the same counts, another site


@pytest.mark.parametrize(
    ("op", "kinds", "wanted"),
    [
        (Add(), (A, A), Integer(8)),
        (Add(), (A, TWIN), REAL),
        (Add(), (A, B), REAL),
        (Add(), (REAL, A), REAL),
        (Add(), (A, REAL), REAL),
        (Add(), (Integer(2), A), REAL),
        (Mul(), (A, B), Integer(12)),
        (Mul(), (A, REAL), REAL),
        (MatMul(inner=5), (A, B), Integer(60)),
        (MatMul(inner=5), (Integer(60), A), Integer(1200)),
        (MatMul(inner=5), (REAL, A), REAL),
        (Pool(fn="avg", kernel=3), (A,), Integer(36)),
        (Pool(fn="avg"), (REAL,), REAL),
        (Pool(fn="max"), (B,), B),
        (Upsample(mode="bilinear"), (A,), REAL),
        (Upsample(mode="nearest"), (A,), A),
        (View(pattern="a -> a"), (B,), B),
        (Slice(stop=1), (B,), B),
        (Drop(p=0.5), (A,), A),
        (Concat(), (A, A), A),
        (Concat(), (A, TWIN), REAL),
        (Concat(), (A, B), REAL),
        (Concat(), (A, REAL), REAL),
        (Concat(), (Integer(3), Integer(3)), REAL),
        (Reduce(fn="max"), (A,), A),
        (Reduce(fn="mean"), (A,), REAL),
        (Reduce(fn="sum"), (A,), REAL),
        (Decode(), (B,), Integer(9, B)),
        (Decode(), (REAL,), REAL),
        (Norm(channels=4), (A,), REAL),
        (Quantize(bits=3), (A,), REAL),
        (Conv(cin=1, cout=1), (A,), REAL),
        (Linear(cin=1, cout=1), (A,), REAL),
        (Act(), (A,), REAL),
        (Score(), (Integer(5),), REAL),
        (Act(site=Site(name="s", neuron=Neuron(levels=2), signed=True)), (REAL,), Spike(2, True, "s")),
    ],
)
def test_table(op, kinds, wanted):
    """Of an op of time, over three steps."""
    assert (op.kind(*kinds, steps=3) if op.timed else op.kind(*kinds)) == wanted


def test_magnitude():
    assert (magnitude(A), magnitude(B), magnitude(Integer(7)), magnitude(REAL)) == (4, 3, 7, None)


def test_a_sum_of_spikes_is_never_a_spike_again():
    g = Graph(name="launder")
    x = g("x", Input(dims=(4, 6, 6)))
    s = g("s", Act(site=Site(name="s")), x)
    g("sum", Add(), s, s)
    g("map", View(pattern="c h w -> h w c"), "sum")
    kinds = {n: v.kind for n, v in infer(g).items()}
    assert kinds["s"] == Spike(4, False, "s")
    assert kinds["sum"] == kinds["map"] == Integer(8)


def test_how_they_print():
    assert [str(k) for k in (A, B, Integer(12), REAL)] == ["spike(4)", "spike(±3)", "integer(12)", "real"]

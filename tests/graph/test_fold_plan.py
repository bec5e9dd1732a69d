"""Where norms, steps and dropout go: the structure of folding, without numbers."""

from math import log2

import pytest

from graph.graph import Graph
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Act, Add, Conv, Drop, Firing, Input, Linear, MatMul, Norm, Score, Site, View
from graph.passes import SpikeSpec, fold, spikify


def start() -> tuple[Graph, str]:
    g = Graph(name="fold")
    return g, g("x", Input(dims=(3, 8, 8)))


def site(name: str, **kw) -> Act:
    return Act(fn="identity", site=Site(name=name, channels=4, **kw))


def test_a_norm_goes_into_its_sole_convolution():
    g, x = start()
    g.output("y", g("norm", Norm(channels=4), g("conv", Conv(cin=3, cout=4), x)))
    out, plan = fold(g)
    assert plan.into_weights == {"norm": "conv"} and not plan.into_sites
    assert "norm" not in out and out["conv"].op.bias and out.outputs == {"y": "out_y"}
    assert out["out_y"].args == ("conv",)
    assert "norm" in g and not g["conv"].op.bias


def test_a_convolution_that_is_read_twice_keeps_its_norm():
    g, x = start()
    y = g("conv", Conv(cin=3, cout=4), x)
    g.output("y", g("sum", Add(), y, g("norm", Norm(channels=4), y)))
    out, plan = fold(g)
    assert not plan.into_weights and "norm" in out and not out["conv"].op.bias


def test_shared_weights_keep_their_norms():
    g = Graph(name="shared")
    x = g("x", Input(dims=(2, 4)))
    op = Linear(cin=4, cout=4, bias=False)
    y = g("norm", Norm(channels=4, axis=-1), g("first", op, x))
    g.output("y", g("second", op, y, weights="first"))
    out, plan = fold(g)
    assert not plan.into_weights and "norm" in out and not out["first"].op.bias


@pytest.mark.parametrize("form", ["layer", "group"])
def test_live_statistics_stay(form):
    g, x = start()
    y = g("norm", Norm(form=form, channels=4), g("conv", Conv(cin=3, cout=4), x))
    g.output("y", g("s", site("s"), y))
    out, plan = fold(g)
    assert "norm" in out and not plan.into_weights and not plan.into_sites


def test_else_into_every_neuron_it_feeds():
    g, x = start()
    y = g("conv", Conv(cin=3, cout=4), x)
    n = g("norm", Norm(channels=4), y)
    s, t = g("s", site("s"), n), g("t", site("t", signed=True), n)
    for name, value in (("a", s), ("b", t), ("c", y)):
        g.output(name, g(name, Conv(cin=4, cout=2), value))
    out, plan = fold(g)
    assert plan.into_sites == {"s": "norm", "t": "norm"} and not plan.into_weights
    assert out["s"].args == out["t"].args == ("conv",)
    assert out["s"].op.site.folded and out["t"].op.site.folded


@pytest.mark.parametrize("reader", ["real", "normed"])
def test_else_it_stays(reader):
    g, x = start()
    y = g("conv", Conv(cin=3, cout=4), x)
    n = g("norm", Norm(channels=4), y)
    own = Norm(channels=4) if reader == "normed" else None
    g.output("s", g("a", Conv(cin=4, cout=2), g("s", site("s", norm=own), n)))
    g.output("y", g("sum", Add(), y, n) if reader == "real" else y)
    out, plan = fold(g)
    assert "norm" in out and not plan.into_sites and not plan.into_weights
    assert out["s"].op.site.norm is None and out["s"].op.site.folded


def test_learnt_steps_go_into_the_weights_behind_them():
    g, x = start()
    y = g("stem", Conv(cin=3, cout=4), x)
    s = g("flat", View(pattern="c h w -> (h w) c"), g("s", site("s"), y))
    t = g("t", site("t", learn=False), y)
    g.output("a", g("after", Linear(cin=4, cout=2), s))
    g.output("b", g("fixed", Conv(cin=4, cout=2), t))
    _, plan = fold(g)
    assert plan.steps == {"after": "s"}


def test_dropout_and_training_outputs_disappear():
    g, x = start()
    y = g("drop", Drop(p=0.5), g("conv", Conv(cin=3, cout=4), x))
    g.output("mask", g("norm", Norm(channels=4), y))
    g.output("extra", g("critic", Conv(cin=4, cout=1), y), training=True)
    out, _ = fold(g)
    assert not any(isinstance(n.op, Drop) for n in out.nodes.values())
    assert list(out.outputs) == ["mask"] and "critic" not in out and "out_extra" not in out


@pytest.mark.parametrize("family", ["miavs", "avsegformer"])
def test_tiny_models_fold_whole(family):
    spiking = spikify(build(family, "tiny").pruned(["mask"]), SpikeSpec())
    out, plan = fold(spiking)
    norms = {n for n, v in spiking.nodes.items() if isinstance(v.op, Norm)}
    assert not [n for n in out.nodes.values() if isinstance(n.op, Norm)]
    assert set(plan.into_weights) | set(plan.into_sites.values()) == norms
    assert plan.into_sites and plan.into_weights and not set(plan.into_weights) & set(plan.into_sites.values())
    twice, again = fold(out)
    assert twice == out and not again.into_weights and not again.into_sites


def test_products_do_not_absorb_steps(make):
    graph, _ = make("miavs", "ilif")
    _, plan = fold(graph.pruned(["mask"]))
    assert not [n for n in plan.steps if isinstance(graph[n].op, MatMul)]
    assert all(graph[s].op.site.learn for s in plan.steps.values())
    assert graph["backbone.stem"].op.bias is False


@pytest.mark.parametrize("alone", [True, False])
def test_a_norm_reaches_the_neurons_through_the_steps(alone):
    g, x = start()
    y = g("conv", Conv(cin=3, cout=4), x)
    n = g("norm", Norm(channels=4), g("sum", Add(), y, y))
    g.output("y", g("last", Conv(cin=4, cout=2), n))
    if not alone:
        g.output("real", n)
    out, plan = fold(spikify(g, SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3)))
    assert plan.into_sites == ({"sites.norm": "norm"} if alone else {})
    assert ("norm" in out) != alone
    assert out["sites.norm"].args == ("norm_stepped",)
    assert out["norm_stepped"].args == (("sum",) if alone else ("norm",))


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_steps_that_nothing_absorbs_are_powers_of_two(levels):
    g, x = start()
    y = g("rows", View(pattern="c h w -> c (h w)"), g("act", Act(ceiling=4.0), g("stem", Conv(cin=3, cout=4), x)))
    score = g("score", Score(fn="relu"), g("logits", MatMul(inner=64), y, g("t", View(pattern="c n -> n c"), y)))
    g.output("y", g("mixed", MatMul(inner=4), score, y))
    g.output("z", g("last", Conv(cin=4, cout=1), "act"))
    graph = spikify(g, SpikeSpec(neuron=Neuron(levels=levels)))
    steps = {n: v.op.site.step for n, v in graph.nodes.items() if isinstance(v.op, Firing) and v.op.site}
    assert set(steps) == {"sites.act", "sites.score"}
    assert all(log2(s) == round(log2(s)) for s in steps.values())

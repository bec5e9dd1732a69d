"""``spikify``: every weighted op reads spikes, once per value, and nothing of the ANN is renamed."""

from dataclasses import replace

import pytest
import torch

from ann import ANN
from graph.graph import Graph
from graph.infer import infer
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Act, Add, Conv, Firing, Input, Linear, MatMul, Norm, Pool, Score, Upsample, View
from graph.passes import SpikeSpec, spikify
from graph.values import Spike, Unit

INPUT_LAYERS = {"backbone.stem", "audio.features.0.0"}
FAMILIES = ("miavs", "avsegformer")


def sites(graph: Graph) -> list[str]:
    return [n for n, v in graph.nodes.items() if isinstance(v.op, Firing) and v.op.site is not None]


def stream() -> Graph:
    """x -> conv -> norm -> act -> {conv, residual add} -> conv."""
    g = Graph(name="stream")
    x = g("x", Input(dims=(3, 8, 8)))
    x = g("norm", Norm(channels=4), g("stem", Conv(cin=3, cout=4), x))
    a = g("act", Act(ceiling=4.0), x)
    y = g("conv", Conv(cin=4, cout=4), a)
    g.output("y", g("last", Conv(cin=4, cout=2), g("sum", Add(), a, y)))
    return g


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dialect", ["ilif", "lif"])
def test_every_weighted_op_reads_spikes(make, family, dialect):
    graph, _ = make(family, dialect)
    facts = infer(graph)
    weighted = {n: v for n, v in graph.nodes.items() if v.op.weighted}
    real = {n for n, v in weighted.items() if not isinstance(facts[v.args[0]].kind, Spike)}
    assert real == INPUT_LAYERS and len(weighted) > 40


@pytest.mark.parametrize("family", FAMILIES)
def test_products_read_spikes(make, family):
    graph, _ = make(family, "ilif")
    facts = infer(graph)
    for name, node in graph.nodes.items():
        if isinstance(node.op, MatMul):
            stored = isinstance(graph[node.args[1]].op, MatMul)  # Q (K^T V): the second operand is a product itself
            wanted = node.args[:1] if stored else node.args
            assert all(isinstance(facts[a].kind, Spike) for a in wanted), name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dialect", ["qann", "ilif", "lif"])
def test_only_sites_are_new(make, family, dialect):
    plain, spiking = (lower(*make(family, d)).state_dict() for d in ("ann", dialect))
    new = set(spiking) - set(plain)
    assert set(plain) <= set(spiking)
    assert new and all(k.startswith("sites.") for k in new)
    assert all(plain[k].shape == spiking[k].shape for k in plain)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_site_a_value(make, family):
    """No two sites read the same value; and some site serves several readers."""
    graph, _ = make(family, "ilif")
    read = [graph[s].args[0] for s in sites(graph)]
    assert len(read) == len(set(read))
    readers = graph.consumers()
    assert max(len(readers[s]) for s in sites(graph)) > 1


def test_one_site_above_several_views():
    g = Graph(name="views")
    x = g("x", Input(dims=(3, 8, 8)))
    y = g("stem", Conv(cin=3, cout=4), x)
    a = g("rows", View(pattern="c h w -> h (c w)"), y)
    b = g("columns", View(pattern="c h w -> w (c h)"), y)
    up = g("up", Upsample(factor=2, mode="nearest"), g("pool", Pool(), y))
    for name, value in (("a", a), ("b", b)):
        g.output(name, g(f"linear_{name}", Linear(cin=32, cout=2), value))
    g.output("c", g("conv", Conv(cin=4, cout=2), up))
    spiking = spikify(g)
    assert sites(spiking) == ["sites.stem"]
    assert spiking["sites.stem"].args == ("stem",)
    assert {spiking["sites.rows"].args, spiking["sites.columns"].args} == {("sites.stem",)}
    assert spiking["sites.pool"].args == ("sites.stem",) and spiking["conv"].args == ("sites.up",)
    bilinear = replace(g["up"].op, mode="bilinear")
    g.nodes["up"] = replace(g["up"], op=bilinear)
    assert "sites.up" in sites(spikify(g))


def test_residual_adds_keep_the_real_value():
    spiking = spikify(stream())
    assert spiking["conv"].args == ("sites.act",)
    assert spiking["sum"].args == ("act", "conv")
    assert spiking["act"].op.site is None and spiking["sites.act"].args == ("norm",)
    assert spiking["sites.act"].op.site.step == 1.0 and not spiking["sites.act"].op.site.signed
    assert spiking["sites.sum"].op.site.signed
    opted_out = spikify(stream(), SpikeSpec(residual="spike"))
    assert opted_out["sum"].args == ("sites.act_value", "conv") and "act" not in opted_out
    assert opted_out["sites.act_value"].op.unit == Unit(1.0, ("sites.act",)) and opted_out["sites.act_value"].args == (
        "sites.act",
    )


def test_backbone_streams_stay_real(make):
    graph, _ = make("miavs", "ilif")
    facts = infer(graph)
    adds = [n for n, v in graph.nodes.items() if isinstance(v.op, Add) and n.startswith("backbone")]
    assert adds
    for name in adds:
        assert not any(isinstance(facts[a].kind, Spike) for a in graph[name].args)


def test_analog_is_respected_and_checked():
    graph = spikify(stream(), SpikeSpec(analog=("conv",)))
    assert graph["conv"].args == ("act",) and "sites.act" not in graph
    assert graph["last"].args == ("sites.sum",)
    with pytest.raises(ValueError, match="spikes.analog is 'missing', expected one of x, stem, .*; nearest: 'sum'"):
        spikify(stream(), SpikeSpec(analog=("conv", "missing")))


def test_choices_reach_the_sites():
    graph = spikify(stream(), SpikeSpec(neuron=Neuron(levels=2), signed=False, norm="batch"))
    site = graph["sites.sum"].op.site
    assert (site.levels, site.signed, site.channels, site.axis) == (2, False, 4, 0)
    assert site.norm == Norm(channels=4, axis=0)
    assert graph["sites.act"].op.site.norm is None  # its norm is in the graph
    assert graph["sites.act"].op.site.step == 2.0  # two counts reach the ceiling of four


def test_a_spike_that_meets_another_has_no_learnt_step(make):
    graph, _ = make("miavs", "ilif")
    readers = graph.consumers()
    learnt = [s for s in sites(graph) if graph[s].op.site.learn]
    assert learnt
    for name in learnt:
        queue = [name]
        while queue:
            for reader in readers[queue.pop()]:
                assert (
                    graph[reader].op.weighted
                    or isinstance(graph[reader].op, View | Upsample | Pool)
                    or reader.startswith("sites.")
                )
                if not graph[reader].op.weighted:
                    queue.append(reader)


def attention_products(graph: Graph) -> list[str]:
    return [n for n, v in graph.nodes.items() if isinstance(v.op, MatMul) and "attn" in n]


@pytest.mark.parametrize("family", FAMILIES)
def test_linear_scores_leave_no_attention_map(softmax, family):
    plain = build(family, softmax)
    linear = spikify(plain, SpikeSpec(score="linear")).pruned(["mask"])
    count = spikify(plain, SpikeSpec(score="count")).pruned(["mask"])
    in_attention = {
        n for n, v in plain.nodes.items() if isinstance(v.op, Score) and "logits" in v.args[0].split(".")[-1]
    }
    dense = {n for n in in_attention if isinstance(plain[plain[n].args[0]].op, MatMul)}
    assert len(dense) >= 4
    left = {n for n, v in linear.nodes.items() if isinstance(v.op, Score)}
    assert not left & {f"sites.{n}" for n in dense} and not left & dense
    kept = {n for n, v in count.nodes.items() if isinstance(v.op, Score)}
    assert {f"sites.{n}" for n in dense} <= kept
    assert all(count[n].op.site is not None for n in kept)
    assert len(attention_products(linear)) == len(attention_products(count))


def test_linear_attention_is_associative(softmax):
    """With positive operands q (k^T v) scaled is what the rewritten nodes compute from the spikes they read."""
    from graph.lower import observe
    from snn import SNN

    graph = spikify(build("avsegformer", softmax), SpikeSpec(score="linear")).pruned(["mask"])
    module = lower(graph, SNN).eval()
    seen: dict[str, torch.Tensor] = {}
    batch = {"image": torch.rand(1, 3, 64, 64), "logmel": torch.randn(1, 1, 96, 64)}
    observe(module, batch, lambda node, inputs, value: seen.__setitem__(node.name, value))
    name = "head.transformer.decoder.layers.0.cross_attn.mixed"
    node = graph[name]
    states = graph[node.args[1]]
    q, k, v = (seen[n] for n in (node.args[0], *states.args))
    keys = graph[states.name].op.inner
    assert node.op.scale == 2.0 ** -round(torch.tensor(keys).log2().item())
    assert torch.allclose(seen[name], (q @ k @ v) * node.op.scale, atol=1e-5)


def test_deformable_weights_become_counts(softmax):
    graph = spikify(build("miavs", softmax), SpikeSpec(score="linear"))
    facts = infer(graph)
    (score,) = (n for n, v in graph.nodes.items() if isinstance(v.op, Score))
    assert isinstance(facts[score].kind, Spike)
    assert graph[score].op.scale == 2.0 ** -round(torch.tensor(6.0).log2().item())


def test_the_ann_is_untouched(make):
    graph, _ = make("miavs", "ann")
    before = dict(graph.nodes)
    spikify(graph, SpikeSpec(norm="batch", residual="spike"))
    assert graph.nodes == before and lower(graph, ANN)

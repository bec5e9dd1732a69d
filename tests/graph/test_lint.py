"""The spike-fed share: known on a graph made by hand, high on the models, and not to be laundered."""

import pytest

from graph.graph import Graph
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Act, Add, Conv, Input, Linear, Norm, Site, Upsample, View
from graph.passes import SpikeSpec, fold, lint, spikify

INPUT_LAYERS = {"backbone.stem", "audio.features.0.0"}


def by_hand() -> Graph:
    """Input layer 4*8*8*3 = 768 outside; conv 2*8*8*4 = 512 on spikes; conv 2*8*8*2 = 256 and a norm of 128 real."""
    g = Graph(name="hand")
    x = g("x", Input(dims=(3, 8, 8)))
    y = g("stem", Conv(cin=3, cout=4), x)
    y = g("fed", Conv(cin=4, cout=2), g("s", Act(site=Site(name="s", channels=4)), y))
    y = g("norm", Norm(channels=2), y)
    g.output("y", g("dense", Conv(cin=2, cout=2), y))
    return g


def test_by_hand():
    found = lint(by_hand())
    assert found.total == 512 + 128 + 256
    assert found.spike_fed_share == 512 / 896
    assert [(f.node, f.multiplies, f.input_layer) for f in found.left] == [
        ("stem", 768, True),
        ("dense", 256, False),
        ("norm", 128, False),
    ]


def test_steps_multiply_stepped_work_only():
    g = Graph(name="steps")
    x = g("x", Input(dims=(3, 8, 8)))
    y = g("stem", Conv(cin=3, cout=4), x)
    g.output("y", g("fed", Conv(cin=4, cout=2), y))
    found = {
        f.node: f.multiplies for f in lint(spikify(g, SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3))).findings
    }
    assert found == {"stem": 768, "fed": 3 * 512}


@pytest.mark.parametrize("family", ["miavs", "avsegformer"])
@pytest.mark.parametrize("spec", [SpikeSpec(), SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3)])
def test_models(family, spec):
    graph, _ = fold(spikify(build(family, "tiny").pruned(["mask"]), spec))
    found = lint(graph)
    assert {f.node for f in found.findings if f.input_layer} == INPUT_LAYERS
    assert all(f.reason for f in found.findings if f.input_layer)
    assert not [f for f in found.left if not f.input_layer and graph[f.node.split(" ")[0]].op.weighted]
    if family == "miavs" and spec.steps == 1:
        assert found.spike_fed_share >= 0.97
    assert found.total == sum(f.multiplies for f in found.findings if f.node not in INPUT_LAYERS)
    assert 0.5 < found.spike_fed_share < 1


def test_the_ann_is_fed_no_spikes(make):
    graph, _ = make("miavs", "ann")
    assert lint(graph).spike_fed_share == 0


def launder(middle: str) -> Graph:
    g = Graph(name="launder")
    x = g("x", Input(dims=(3, 8, 8)))
    y = g("stem", Conv(cin=3, cout=4), x)
    s = g("s", Act(site=Site(name="s", channels=4)), y)
    if middle == "add":
        s = g("sum", Add(), s, s)
    if middle == "upsample":
        s = g("sum", Upsample(), s)
    if middle == "norm":
        s = g("sum", Norm(channels=4), s)
    g.output("y", g("after", Conv(cin=4, cout=2), g("same", View(pattern="c h w -> c h w"), s)))
    return g


@pytest.mark.parametrize("middle", ["add", "upsample", "norm"])
def test_laundering_is_reported(middle):
    found = lint(launder(middle))
    assert "after" in {f.node for f in found.left if not f.input_layer}
    assert found.spike_fed_share == 0
    assert lint(launder("")).spike_fed_share == 1


def test_a_neuron_on_the_input_makes_no_input_layer():
    """Spikes of the image, interpolated: real numbers again, and not an input layer's business any more."""
    g = Graph(name="encoded")
    s = g("s", Act(site=Site(name="s", channels=3)), g("x", Input(dims=(3, 8, 8))))
    g.output("y", g("after", Conv(cin=3, cout=2), g("up", Upsample(), s)))
    (conv,) = (f for f in lint(g).findings if f.node == "after")
    assert conv.reason and not conv.input_layer


def test_it_prints_what_is_left():
    text = str(lint(by_hand()))
    assert "57.14% of 896" in text and "dense" in text and "norm that cannot be folded" in text
    assert "\n  fed" not in text


def test_linear_on_the_flattened_input_is_an_input_layer():
    g = Graph(name="flat")
    x = g("flat", View(pattern="c h w -> 1 (c h w)"), g("x", Input(dims=(3, 4, 4))))
    op = Linear(cin=48, cout=2)
    g.output("y", g("y", op, x))
    (only,) = lint(spikify(g)).findings
    assert only.input_layer and only.multiplies == 96
    assert lint(spikify(g)).total == 0

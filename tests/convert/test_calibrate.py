"""Steps from what the ANN computes: a quantile over the levels; a power of two where no weight can absorb it."""

from itertools import pairwise
from math import log2

import pytest
import torch

from ann import ANN, QANN
from convert.calibrate import PERCENTILES, How, calibrate, calibrate_best
from graph.graph import Graph
from graph.lower import lower, observe
from graph.neuron import Neuron
from graph.ops import Act, Conv, Firing, Gate, Input, MatMul, Mul, Norm, View
from graph.passes import SpikeSpec, spikify
from layers.site import SpikeSite
from snn import SNN


def sites(module):
    return {n: v for n, v in module.graph.nodes.items() if isinstance(v.op, Firing) and v.op.site is not None}


@pytest.mark.parametrize("steps", [1, 3])
def test_on_the_model(ann, plain, batch, steps):
    levels = 4 if steps == 1 else 1
    neuron = Neuron(kind="ilif" if steps == 1 else "lif", levels=levels)
    module = lower(spikify(plain, SpikeSpec(neuron=neuron, steps=steps)), SNN)
    found = calibrate(ann, module, batch, 0.99)
    everywhere = sites(module)
    assert set(found) == {n for n, v in everywhere.items() if not isinstance(v.op, Gate)}
    for name, node in everywhere.items():
        step = module.get_submodule(name).step.item()
        if isinstance(node.op, Gate):
            assert step == 1 / levels
            continue
        assert step == pytest.approx(found[name])
        if not node.op.site.learn:
            assert log2(step) == round(log2(step))
        if ceiling := getattr(node.op, "ceiling", 0.0):
            assert step <= max(ceiling, 1) / levels * 1.001 or not node.op.site.learn
    learnt = [found[n] for n, v in everywhere.items() if v.op.site.learn and n in found]
    assert sum(log2(s) != round(log2(s)) for s in learnt) > 10


def small() -> Graph:
    g = Graph(name="steps")
    y = g("stem", Conv(cin=2, cout=4), g("x", Input(dims=(2, 6, 6))))
    g.output("a", g("a", Conv(cin=4, cout=2), g("act", Act(), y)))
    g.output("b", g("b", Conv(cin=4, cout=2), g("clipped", Act(ceiling=0.5), y)))
    g.output("c", g("c", Conv(cin=4, cout=2), y))
    flat = g("flat", View(pattern="c h w -> c (h w)"), g("act2", Act(), y))
    g.output("d", g("d", MatMul(inner=36), flat, g("turned", View(pattern="c n -> n c"), flat)))
    g.output("e", g("e", Mul(), y, g("gate", Gate(), y)))
    return g


@pytest.mark.parametrize("percentile", [0.9, 1.0])
def test_by_hand(percentile):
    torch.manual_seed(0)
    g = small()
    ann, module = lower(g, ANN), lower(spikify(g), QANN)
    batch = {"x": torch.randn(5, 2, 6, 6)}
    found = calibrate(ann, module, batch, percentile)
    seen: dict[str, torch.Tensor] = {}
    observe(ann.eval(), batch, lambda node, inputs, value: seen.__setitem__(node.name, value))
    y = seen["stem"].flatten()
    above = y.clamp(min=0).quantile(percentile).item() / 4
    assert found["sites.act"] == pytest.approx(above, rel=1e-5)
    assert found["sites.clipped"] == pytest.approx(min(above, 0.125), rel=1e-5)
    assert found["sites.stem"] == pytest.approx(y.abs().quantile(percentile).item() / 4, rel=1e-5)
    assert found["sites.act2"] == 2.0 ** round(log2(above))
    assert "sites.gate" not in found and module.get_submodule("sites.gate").step == 0.25


def test_a_silent_value_gets_a_small_step():
    g = small()
    ann, module = lower(g, ANN), lower(spikify(g), QANN)
    ann.get_submodule("stem").weight.data.zero_()
    found = calibrate(ann, module, {"x": torch.randn(2, 2, 6, 6)}, 0.99)
    assert all(0 < s < 1e-2 for s in found.values())


def test_it_lowers_the_error(ann, plain, batch):
    """Against steps that were never set, the calibrated network is nearer to its ANN in the backbone."""
    from convert.compare import layer_distance

    module = lower(spikify(plain), QANN).eval()
    module.load_state_dict(ann.state_dict(), strict=False)
    for site in module.modules():
        if isinstance(site, SpikeSite) and isinstance(site.step, torch.nn.Parameter):
            site.step.data.fill_(4.0)
    before = dict(layer_distance(ann, module, batch))
    calibrate(ann, module, batch, 0.99)
    after = dict(layer_distance(ann, module, batch))
    name = "backbone.stage4.0.conv2"
    assert after[name] < 0.6 * before[name]


@pytest.mark.parametrize("best", [0, 3, len(PERCENTILES) - 1])
def test_the_best_of_several_percentiles_stays(ann, plain, batch, best):
    """Whichever it is, its steps are those that it alone would have written."""
    module, alone = (lower(spikify(plain, SpikeSpec()), QANN) for _ in range(2))
    tried = []

    def far(network):
        tried.append({n: network.get_submodule(n).step.item() for n in sites(network)})
        return abs(len(tried) - 1 - best) + 0.5

    assert calibrate_best(ann, module, batch, far) == PERCENTILES[best]
    calibrate(ann, alone, batch, PERCENTILES[best])
    assert len(tried) == len(PERCENTILES) and all(a != b for a, b in pairwise(tried))
    for name in sites(module):
        assert module.get_submodule(name).step.item() == alone.get_submodule(name).step.item()


def test_statistics_of_the_frames_themselves():
    """A norm whose running variance is a hundredth of the frames': steps ten times as large, but not with "batch"."""
    torch.manual_seed(0)
    g = Graph(name="norms")
    y = g("norm", Norm(channels=2), g("x", Input(dims=(2, 6, 6))))
    g.output("out", g("c", Conv(cin=2, cout=1), g("act", Act(), y)))
    ann = lower(g, ANN)
    ann.get_submodule("norm").running_var.fill_(0.01)
    before = {name: x.clone() for name, x in ann.state_dict().items()}
    frames = {"x": torch.randn(16, 2, 6, 6)}
    found = {}
    for statistics in ("running", "batch"):
        module = lower(spikify(g, SpikeSpec(neuron=Neuron(levels=4))), QANN)
        (found[statistics],) = calibrate(ann, module, frames, 0.99, How(statistics=statistics)).values()
    assert found["running"] == pytest.approx(10 * found["batch"], rel=0.05)
    assert all(torch.equal(x, before[name]) for name, x in ann.state_dict().items()), "the ANN is as it was"

"""A folded network is the same function, negative gammas included."""

import pytest
import torch

from ann import ANN, QANN
from convert.compare import equal_counts, layer_distance
from convert.fold import affine, fold_network
from graph.graph import Graph
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Act, Add, Affine, Conv, Firing, Input, Norm, Site
from graph.passes import SpikeSpec, fold, spikify, with_units
from layers.weighted import ChannelBatchNorm
from snn import SNN

ILIF = (SpikeSpec(), SNN)
LIF = (SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3), SNN)
NORMED = (SpikeSpec(norm="batch", neuron=Neuron(levels=3)), QANN)
INTEGER_STEPS = (SpikeSpec(steps=3), SNN)


def test_affine_is_the_norm():
    layer = ChannelBatchNorm(5).eval()
    for tensor in (layer.running_mean, layer.weight.data, layer.bias.data):
        tensor.normal_(generator=torch.Generator().manual_seed(0))
    layer.running_var.fill_(1.7)
    x = torch.randn(9, 5)
    a, c = affine(layer)
    assert torch.allclose(layer(x).double(), a * x + c, atol=1e-6)


@pytest.mark.parametrize("family", ["miavs", "avsegformer"])
def test_ann(family, batch, randomise):
    graph = build(family, "micro").pruned(["mask"])
    module = randomise(lower(graph, ANN))
    folded = fold_network(module)
    a, b = module(**batch)["mask"], folded(**batch)["mask"]
    assert a.abs().max() > 0.1 and (a - b).norm() <= 1e-4 * a.norm()
    left = {n for n, v in folded.graph.nodes.items() if isinstance(v.op, Norm | Affine)}
    every = {n for n, v in graph.nodes.items() if isinstance(v.op, Norm)}
    assert every - left == set(fold(graph)[1].into_weights) and len(every) - len(left) > 10


@pytest.mark.parametrize("choice", [ILIF, LIF, NORMED, INTEGER_STEPS], ids=["ilif", "lif3", "normed", "ilif3"])
def test_sites(choice, taken_over, batch, randomise):
    spec, dialect = choice
    module = taken_over(spec, dialect)
    if spec.norm == "batch":
        randomise(module)
    folded = fold_network(module)
    a, b = module(**batch)["mask"], folded(**batch)["mask"]
    assert a.abs().max() > 0.01
    assert torch.allclose(a, b, atol=1e-4) or equal_counts(module, folded, batch) < 1
    # A sum on the edge of a count falls either way, and over several steps that is carried on: how many do depends on
    # the processor. A wrong fold leaves 0.54 to 0.82 equal.
    assert equal_counts(module, folded, batch) >= (0.999 if spec.steps == 1 else 0.99)
    signs = [m.sign for m in folded.modules() if hasattr(m, "sign")]
    flipped = any((s < 0).any() for s in signs)
    assert flipped == any(v.startswith("sites.") for v in _norms_into_sites(module, spec))


def _norms_into_sites(module, spec):
    own = [n for n, v in module.graph.nodes.items() if isinstance(v.op, Firing) and v.op.site and v.op.site.norm]
    return [*fold(module.graph)[1].into_sites, *own]


@pytest.mark.parametrize("steps", [1, 3])
def test_the_flip_by_hand(steps):
    """One channel with gamma -1: the site must count what the norm would have sent it."""
    g = Graph(name="flip", steps=1)
    x = g("x", Input(dims=(2, 4, 4)))
    y = g("sum", Add(), g("stem", Conv(cin=2, cout=2), x), x)
    act = g("act", Act(ceiling=4.0), g("norm", Norm(channels=2), y))
    g.output("y", g("last", Conv(cin=2, cout=2), act))
    kind = "ilif" if steps == 1 else "lif"
    levels = 4 if steps == 1 else 1
    module = lower(spikify(g, SpikeSpec(neuron=Neuron(kind=kind, levels=levels), steps=steps)), SNN).eval()
    norm = module.get_submodule("norm")
    norm.weight.data.copy_(torch.tensor([-1.5, 0.8]))
    norm.running_mean.copy_(torch.tensor([0.3, -0.2]))
    module.get_submodule("sites.act").step.data.fill_(0.7)
    image = torch.randn(4, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    folded = fold_network(module)
    assert torch.allclose(module(x=image)["y"], folded(x=image)["y"], atol=1e-5)
    assert folded.get_submodule("sites.act").sign.tolist() == [-1.0, 1.0]
    assert "norm" not in folded.graph


def test_the_original_is_left_as_it_was(taken_over, batch):
    module = taken_over(*ILIF)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    fold_network(module)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_a_scale_beside_a_learnt_step_goes_into_the_weights_too():
    torch.manual_seed(0)
    g = Graph(name="scaled")
    x = g("x", Input(dims=(2, 3, 3)))
    y = g("s", Act(scale=0.25, site=Site(name="s", neuron=Neuron(levels=4), step=0.5, channels=2)), x)
    g.output("y", g("conv", Conv(cin=2, cout=3), y))
    module = lower(with_units(g), QANN).eval()
    image = torch.randn(3, 2, 3, 3)
    a, b = module(x=image)["y"], fold_network(module)(x=image)["y"]
    assert a.abs().max() > 0.1 and torch.allclose(a, b, atol=1e-6)


def test_a_dead_channel_fires_the_same():
    g = Graph(name="dead")
    x = g("x", Input(dims=(2, 3, 3)))
    y = g("sum", Add(), x, x)
    s = Site(name="s", neuron=Neuron(levels=4), signed=True, channels=2)
    g.output("y", g("s", Act(fn="identity", site=s), g("norm", Norm(channels=2), y)))
    module = lower(with_units(g), QANN).eval()
    module.get_submodule("norm").weight.data.copy_(torch.tensor([0.0, 1.0]))
    module.get_submodule("norm").bias.data.copy_(torch.tensor([-1.8, 0.0]))
    folded = fold_network(module)
    image = torch.randn(3, 2, 3, 3) * 5
    assert torch.equal(module(x=image)["y"], folded(x=image)["y"])
    assert folded(x=image)["y"][:, 0].unique().tolist() == [-2.0]


def test_distance_between_layers(ann, taken_over, batch):
    assert all(d == 0 for _, d in layer_distance(ann, ann, batch))
    rows = layer_distance(ann, taken_over(*ILIF), batch)
    named = dict(rows)
    assert named["backbone.stem"] == 0 and named["head.fc.4"] > 0.01
    assert [n for n, _ in rows] == [n for n in ann.graph if n in named] and len(rows) > 40
    three = dict(layer_distance(ann, taken_over(*LIF), batch))
    assert set(three) == set(named) and three["backbone.stem"] == 0


def test_counts_that_differ_are_seen(taken_over, batch):
    a, b = taken_over(*ILIF), taken_over(*ILIF)
    assert equal_counts(a, b, batch) == 1.0
    b.get_submodule("backbone.stem").weight.data.mul_(0.5)
    assert equal_counts(a, b, batch) < 0.99

"""ETAVS: its size, what its windows share and what they do not, and its tiny network in every dialect."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ann import ANN, QANN
from convert.compare import equal_counts
from convert.fold import fold_network
from graph.graph import Graph
from graph.infer import infer
from graph.lower import Network, lower
from graph.models import build, spec_of
from graph.models.etavs.decoder import resized
from graph.neuron import Neuron
from graph.ops import Downsample, Input, MatMul, Resize, Upsample
from graph.passes import SpikeSpec, fold, lint, spikify
from graph.trainable import by_part, trained
from graph.values import Spike
from snn import SNN

SIZE, CLIPS = 32, 2
ROWS = 5 * CLIPS
DIALECTS = {
    "ann": (None, ANN),
    "qann": (SpikeSpec(), QANN),
    "ilif": (SpikeSpec(score="linear"), SNN),
    "lif": (
        SpikeSpec(neuron=Neuron(kind="lif", levels=1, decay_input=False), steps=3, norm="batch", signed=False),
        SNN,
    ),
}


def made(dialect: str, spec: str = "tiny") -> Network:
    torch.manual_seed(0)
    spikes, table = DIALECTS[dialect]
    graph = build("etavs", spec_of("etavs", spec, image=SIZE))
    return lower(spikify(graph, spikes) if spikes else graph, table)


def clips(seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        "image": torch.rand(ROWS, 3, SIZE, SIZE, generator=random),
        "logmel": torch.randn(ROWS, 1, 96, 64, generator=random),
    }


@pytest.fixture(scope="module")
def network() -> Network:
    """The published kind of norms and attention, at toy sizes, so that nothing but the messenger mixes rows."""
    torch.manual_seed(0)
    spec = spec_of("etavs", "tiny", image=SIZE).as_published()
    return lower(build("etavs", spec), ANN).eval()


def changed(network: Network, key: str, row: int) -> list[bool]:
    """Which rows of the mask move when one row of an input does."""
    inputs = clips()
    other = {**inputs, key: inputs[key].clone()}
    other[key][row] = clips(1)[key][row]
    a, b = (network(**x)["mask"] for x in (inputs, other))
    return [not torch.equal(x, y) for x, y in zip(a, b, strict=True)]


# --- size


@pytest.mark.parametrize(
    ("spec", "messenger", "decoder", "twice", "published"),
    [("full", 1.52, 10.35, (), (165.46, 11.87)), ("r50", 3.33, 9.60, ("layer3", "layer4"), (130.64, 12.93))],
)
def test_parameters_are_the_published_ones(spec, messenger, decoder, twice, published):
    """``twice``: what the published ResNet holds a second time, a branch that is loaded and never run."""
    spec = spec_of("etavs", spec)
    graph = build("etavs", spec)
    found, parts = trained(graph, spec.frozen), by_part(graph)
    dead = sum(by_part(graph, depth=2)[f"backbone.{layer}"] for layer in twice)
    assert [found.total + dead, found.trainable] == pytest.approx([1e6 * p for p in published], abs=5e3)
    assert [parts["messenger"], parts["decoder"]] == pytest.approx([1e6 * messenger, 1e6 * decoder], abs=5e3)
    assert set(parts) == {"backbone", "audio", "messenger", "decoder"}


def test_semantic_masks_cost_two_small_layers_more():
    spec = spec_of("etavs", "full", classes=71, frames=10)
    graph = build("etavs", spec)
    assert trained(graph, spec.frozen).trainable == pytest.approx(12.03e6, abs=5e3)
    assert graph[graph.outputs["mask"]].shape == (71, 224, 224)


@pytest.mark.parametrize("size", [192, 256])
def test_other_sizes(size):
    graph = build("etavs", spec_of("etavs", "full", image=size))
    assert graph[graph.outputs["mask"]].shape == (1, size, size)
    assert not [n for n in graph.nodes.values() if isinstance(n.op, Resize)]


def test_a_size_that_the_reductions_do_not_divide():
    graph = build("etavs", spec_of("etavs", "full", image=240))
    resized = {n.name: n.shape[1:] for n in graph.nodes.values() if isinstance(n.op, Resize)}
    assert resized == {
        "decoder.thin.2": (7, 7),
        "decoder.thin.1": (7, 7),
        "decoder.thin.0": (7, 7),
        "decoder.up.2": (15, 15),
    }
    assert graph[graph.outputs["mask"]].shape == (1, 240, 240)


@pytest.mark.parametrize(
    ("size", "wanted", "op"),
    [
        ((7, 7), (14, 14), Upsample), ((56, 56), (7, 7), Downsample), ((8, 8), (15, 15), Resize),
        ((60, 60), (7, 7), Resize), ((12, 12), (12, 12), Input), ((15, 15), (9, 9), Resize), ((6, 8), (3, 8), Resize),
    ],
)  # fmt: skip
def test_resizing_is_torchs(size, wanted, op):
    g = Graph(name="resized")
    resized_map = resized(g, "resized", g("x", Input(dims=(3, *size))), wanted)
    g.output("y", resized_map)
    x = torch.randn(2, 3, *size)
    assert isinstance(g[resized_map].op, op)
    assert torch.equal(lower(g, ANN)(x=x)["y"], F.interpolate(x, size=wanted, mode="nearest"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"frames": 7}, "frames is 7, expected a multiple of spec.window, 5"), ({"messenger": 40}, "messenger is 40")],
)
def test_specs_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        build("etavs", spec_of("etavs", "tiny", **changes))


# --- windows


def test_messages_stay_in_their_window(network):
    """A frame's image and sound reach every frame of its five, and none of the next five."""
    for key, row in (("image", 7), ("logmel", 2)):
        window = row // 5
        assert changed(network, key, row) == [i // 5 == window for i in range(ROWS)], key


def test_only_the_messenger_joins_frames():
    graph = build("etavs", "tiny")
    shared = {n for n, v in infer(graph).items() if v.frames == 5}
    assert shared and all(n.startswith("messenger.") and ".exchange." in n for n in shared)


@given(st.permutations(range(5)))
@settings(max_examples=8, deadline=None)
def test_a_window_has_no_order(network, order):
    """There is no temporal position: permuted frames have permuted masks."""
    inputs = {key: value[:5] for key, value in clips().items()}
    plain, permuted = network(**inputs)["mask"], network(**{k: v[order] for k, v in inputs.items()})["mask"]
    assert torch.allclose(plain[order], permuted, atol=1e-5)


def test_rows_are_whole_windows(network):
    with pytest.raises(RuntimeError):
        network(**{key: value[:7] for key, value in clips().items()})


def test_gradients_pass_through_a_frozen_backbone():
    """A messenger's output is what the next stage reads, and what the decoder reads of its own."""
    graph = build("etavs", "tiny")
    readers = graph.consumers()
    for stage in range(4):
        parts = {name.split(".")[0] for name in readers[f"messenger.{stage}.feature"]}
        assert parts == ({"backbone", "decoder"} if stage < 3 else {"decoder"})


# --- dialects


def test_no_site_starts_silent(walk):
    """Products of linear attention may be of any size; behind a norm, some of their counts are not zero."""
    module = made("ilif")
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)):
        norm.momentum = 1.0  # its statistics become those of the batch
    module.train()(**clips())
    facts = infer(module.graph)
    fired = {n: v for n, v in walk(module, clips()).items() if isinstance(facts[n].kind, Spike)}
    assert fired and min(float((v != 0).float().mean()) for v in fired.values()) > 0.05


@pytest.mark.parametrize("dialect", ["qann", "ilif", "lif"])
def test_every_product_reads_spikes(dialect):
    graph = made(dialect).graph
    facts = infer(graph)
    real = {n.name for n in graph.nodes.values() if n.op.weighted and not isinstance(facts[n.args[0]].kind, Spike)}
    assert real == {"backbone.stem", "audio.features.0.0"}
    for node in graph.nodes.values():
        if isinstance(node.op, MatMul) and graph.steps == 1:
            free = [a for a in node.args if not isinstance(graph[a].op, MatMul)]
            assert all(isinstance(facts[a].kind, Spike) for a in free), node.name


def test_nearly_all_multiplies_of_a_resnet_are_spike_fed_too():
    graph, _ = fold(spikify(build("etavs", "r50").pruned(["mask"]), SpikeSpec(score="linear")))
    found = lint(graph)
    assert found.spike_fed_share >= 0.97
    assert not [f for f in found.left if not f.input_layer and graph[f.node].op.weighted]


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["ann", "ilif"])
def test_folding_keeps_the_function(dialect):
    module = made(dialect, "micro")
    for seed in range(3):
        module(**clips(seed))  # running statistics of its own
    module.eval()
    folded = fold_network(module)
    with torch.no_grad():
        a, b = module(**clips())["mask"], folded(**clips())["mask"]
    assert torch.allclose(a, b, atol=1e-4 * float(a.abs().max())) or equal_counts(module, folded, clips()) >= 0.999


def test_the_micro_spec_is_the_same_network():
    assert list(build("etavs", "tiny")) == list(build("etavs", "micro"))

"""The event runner on small random networks: torch's values bit for bit, and the adds of a brute-force count."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ann import QANN
from convert.export import arrays_of
from convert.fold import fold_network
from convert.snap import snap
from events import EventRunner, permuted, without
from graph.graph import Graph
from graph.lower import lower, observe
from graph.neuron import Neuron
from graph.ops import (
    Act,
    Add,
    Concat,
    Const,
    Conv,
    DeformSample,
    Fold,
    Gate,
    Input,
    Linear,
    MatMul,
    Mul,
    Pad,
    Pool,
    Quantize,
    Score,
    Site,
    Slice,
    Unfold,
    Upsample,
    View,
)
from graph.passes import SpikeSpec, spikify, with_units
from graph.values import Spike


def synapses(op, n: np.ndarray) -> int:
    """Sum of |n| over every (output, weight) pair whose input lies inside the value: loops over outputs."""
    if isinstance(op, Linear):
        return int(np.abs(n).sum()) * op.cout
    (n,) = n
    _, height, width = n.shape
    _, rows, columns = op.shape(n.shape)
    total = 0
    for out in range(op.cout):
        first = out // (op.cout // op.groups) * (op.cin // op.groups)
        for r in range(rows):
            for c in range(columns):
                for u in range(op.kernel[0]):
                    for v in range(op.kernel[1]):
                        y, x = (
                            r * op.stride + u * op.dilation - op.padding,
                            c * op.stride + v * op.dilation - op.padding,
                        )
                        if 0 <= y < height and 0 <= x < width:
                            total += int(np.abs(n[first : first + op.cin // op.groups, y, x]).sum())
    return total


def deployed(graph: Graph, spec: SpikeSpec | None, seed: int):
    """Random weights on a grid of 1/16, spikified (unless its sites are there already), folded, snapped."""
    from safetensors.numpy import load

    random = torch.Generator().manual_seed(seed)
    module = lower(spikify(graph, spec) if spec else graph, QANN).eval()
    for key, parameter in module.named_parameters():
        if not key.endswith("step"):
            parameter.data.normal_(0, 0.7, generator=random)
    folded = snap(fold_network(module), 4)
    return folded, load(arrays_of(folded))


def agree(graph: Graph, spec: SpikeSpec | None, seed: int = 0) -> EventRunner:
    folded, arrays = deployed(graph, spec, seed)
    source = folded.graph
    random = np.random.default_rng(seed)
    inputs = {
        n: (random.integers(-24, 25, (1, *v.shape)) / 8).astype(np.float32)
        for n, v in source.nodes.items()
        if isinstance(v.op, Input)
    }
    seen: dict[str, torch.Tensor] = {}
    frames = {k: torch.from_numpy(v) for k, v in inputs.items()}
    expected = observe(folded, frames, lambda node, read, value: seen.__setitem__(node.name, value))
    runner = EventRunner(source, arrays)
    for key, value in runner.run(inputs).items():
        wanted = expected[key].numpy()
        assert value.shape == wanted.shape
        assert np.array_equal((value + 0.0).view(np.int32), (wanted + 0.0).view(np.int32)), key
    counted = {}
    for name, node in source.nodes.items():
        kind = runner.values[node.args[0]].kind if node.op.weighted else None
        if isinstance(kind, Spike):
            counted[name] = synapses(node.op, seen[node.args[0]].numpy())
    assert runner.adds == counted
    assert sum(counted.values()) > 0
    return runner


@settings(max_examples=40)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 4]),
    size=st.tuples(st.integers(5, 8), st.integers(5, 8)),
    signed=st.booleans(),
    levels=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_convolutions(kernel, stride, padding, dilation, groups, size, signed, levels, seed):
    g = Graph(name="conv")
    y = g("stem", Conv(cin=2, cout=4, bias=True), g("x", Input(dims=(2, *size))))
    op = Conv(cin=4, cout=4, kernel=kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=True)
    g.output("y", g("conv", op, y))
    agree(g, SpikeSpec(neuron=Neuron(levels=levels), signed=signed), seed)


@settings(max_examples=20)
@given(st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_linear_views_slices_and_products(levels, signed, seed):
    g = Graph(name="tokens")
    y = g("stem", Conv(cin=2, cout=6, bias=True), g("x", Input(dims=(2, 3, 4))))
    tokens = g("tokens", View(pattern="c h w -> (h w) c"), y)
    q, k = (g(n, Linear(cin=6, cout=6), tokens) for n in "qk")
    sizes = (("h", 2),)
    qh = g("qh", View(pattern="n (h d) -> h n d", sizes=sizes), q)
    kh = g("kh", View(pattern="n (h d) -> h d n", sizes=sizes), k)
    logits = g("logits", MatMul(inner=3, scale=0.25), qh, kh)
    mixed = g("mixed", MatMul(inner=12), g("score", Score(fn="relu", scale=0.125), logits), qh)
    merged = g("merged", View(pattern="h n d -> n (h d)"), mixed)
    part = g("piece", Slice(axis=0, start=3, stop=9), merged)
    g.output("y", g("last", Linear(cin=6, cout=3), g("sum", Add(), part, g("first", Slice(stop=6), tokens))))
    agree(g, SpikeSpec(neuron=Neuron(levels=levels), signed=signed), seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_upsampling(mode, seed):
    g = Graph(name="up")
    y = g("stem", Conv(cin=2, cout=3, bias=True), g("x", Input(dims=(2, 4, 5))))
    up = g("up", Upsample(factor=2, mode=mode), g("act", Act(ceiling=4.0), y))
    g.output("y", g("conv", Conv(cin=3, cout=2, kernel=(3, 3), padding=1, bias=True), up))
    agree(g, SpikeSpec(), seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fn", ["hard", "sigmoid"])
def test_gates(fn, seed):
    g = Graph(name="gate")
    y = g("stem", Conv(cin=2, cout=4, bias=True), g("x", Input(dims=(2, 4, 5))))
    gate = g("gate", Gate(fn=fn, axis=0), g("proj", Conv(cin=4, cout=4, bias=True), y))
    g.output("y", g("last", Conv(cin=4, cout=2, bias=True), g("gated", Mul(), y, gate)))
    agree(g, SpikeSpec(), seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("signed", [False, True])
def test_deformable_sampling(signed, seed):
    levels, heads, points = ((4, 4), (2, 2)), 2, 2
    total = 20
    g = Graph(name="deform")
    x = g("x", Input(dims=(2, 4, 5)))
    y = g("stem", Conv(cin=2, cout=4, bias=True), x)
    tokens = g("tokens", View(pattern="c h w -> (h w) c"), y)
    value = g("value", View(pattern="s (h d) -> s h d", sizes=(("h", heads),)), g("v", Linear(cin=4, cout=4), tokens))
    sizes = (("h", heads), ("l", 2), ("p", points))
    offset = g(
        "grid", Quantize(bits=3), g("o", Linear(cin=4, cout=16, bias=True, init="zeros", offsets=(2, 2, 2)), tokens)
    )
    offset = g("offset", View(pattern="q (h l p k) -> q h l p k", sizes=(*sizes, ("k", 2))), offset)
    weight = g("w", Score(fn="relu", scale=0.25), g("logits", Linear(cin=4, cout=8), tokens))
    weight = g("weight", View(pattern="q (h l p) -> q h l p", sizes=sizes), weight)
    reference = g("reference", Const(recipe="reference", dims=(total, 2, 2), levels=levels))
    op = DeformSample(levels=levels, heads=heads, points=points, channels=2)
    g.output("y", g("last", Linear(cin=4, cout=3), g("sampled", op, value, offset, weight, reference)))
    agree(g, SpikeSpec(signed=signed), seed)


def test_one_site_in_several_places():
    """The concatenation of one site's slices stays events, and each keeps its own address."""
    g = Graph(name="parts")
    x = g("x", Input(dims=(3, 4, 4)))
    s = g("s", Act(fn="identity", site=Site(name="s", neuron=Neuron(levels=3), signed=True, channels=3)), x)
    rows = [g(f"row{i}", Slice(axis=1, start=i, stop=i + 2), s) for i in (2, 0, 1)]
    g.output("y", g("conv", Conv(cin=3, cout=2, kernel=(3, 3)), g("joined", Concat(axis=1), *rows)))
    runner = agree(with_units(g), None)
    assert isinstance(runner.values["joined"].kind, Spike)


@pytest.mark.parametrize("step", [0.25, 2.0])
def test_a_fixed_step_is_shifted_into_the_weights(step):
    """A site that a product reads too keeps its step, so a convolution adds weights times that power of two."""
    g = Graph(name="both")
    site = Site(name="s", neuron=Neuron(levels=4), signed=True, step=step, learn=False, channels=3)
    s = g("s", Act(fn="identity", site=site), g("x", Input(dims=(3, 4, 4))))
    flat = g("flat", View(pattern="c h w -> c (h w)"), s)
    g.output("a", g("conv", Conv(cin=3, cout=2, bias=True), s))
    g.output("b", g("linear", Linear(cin=16, cout=2), flat))
    g.output("c", g("product", MatMul(inner=16), flat, g("turned", View(pattern="c n -> n c"), flat)))
    agree(with_units(g), None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fn", ["max", "avg"])
def test_pooling(fn, seed):
    """A maximum is chosen among counts, at a barrier, and is events again; an average is no events."""
    g = Graph(name="pool")
    y = g("stem", Conv(cin=2, cout=3), g("x", Input(dims=(2, 6, 6))))
    g.output("y", g("conv", Conv(cin=3, cout=1, kernel=(3, 3)), g("pool", Pool(fn=fn), y)))
    agree(g, SpikeSpec(signed=False), seed)


@pytest.mark.parametrize("seed", range(4))
def test_padding_and_frames_of_a_clip(seed):
    """Padding sends nothing; a clip's frames are rows."""
    g = Graph(name="clip")
    y = g("stem", Conv(cin=2, cout=3), g("x", Input(dims=(2, 3, 4))))
    y = g("pad", Pad(before=1, after=2), g("act", Act(ceiling=4.0), y))
    clip = g("clip", Unfold(frames=1), g("conv", Conv(cin=3, cout=4), y))
    g.output("y", g("last", Conv(cin=4, cout=1), g("frames", Fold(frames=1), clip)))
    agree(g, SpikeSpec(), seed)


def test_several_steps_are_refused():
    g = Graph(name="steps", steps=2)
    g.output("y", g("x", Input(dims=(2, 4, 4))))
    with pytest.raises(ValueError, match="graph 'steps' has 2 steps; the event runner executes one"):
        EventRunner(g, {})


def test_units_are_powers_of_two():
    g = Graph(name="scale")
    s = g("s", Act(site=Site(name="s", channels=2, folded=True, learn=False)), g("x", Input(dims=(2, 4, 4))))
    g.output("y", g("conv", Conv(cin=2, cout=1), s))
    g = with_units(g)
    module = lower(g, QANN)
    from safetensors.numpy import load

    arrays = load(arrays_of(module))
    arrays["s.step"] = np.asarray(0.3, np.float32)
    with pytest.raises(ValueError, match=r"'conv' reads counts of unit 0.3.*power of two"):
        EventRunner(g, arrays).run({"x": np.ones((1, 2, 4, 4), np.float32)})


def test_edits():
    random = np.random.default_rng(0)
    g = Graph(name="edit")
    s = g("s", Act(site=Site(name="s", channels=2, folded=True)), g("x", Input(dims=(2, 4, 4))))
    g.output("y", s)
    module = lower(g, QANN)
    module.get_submodule("s").upper.copy_(torch.arange(1.0, 5.0)[:, None].expand(4, 2))
    from safetensors.numpy import load

    caught = []
    runner = EventRunner(g, load(arrays_of(module)), lambda name, e: caught.append(e) or e)
    x = random.integers(0, 6, (1, 2, 4, 4)).astype(np.float32)
    assert np.array_equal(runner.run({"x": x})["y"], x.clip(0, 4))
    (events,) = caught
    assert (np.diff(events.step) >= 0).all() and events.address.size == x.clip(0, 4).sum()
    shuffled = permuted(events, random)
    assert not np.array_equal(shuffled.address, events.address)
    assert np.array_equal(shuffled.step, events.step) and np.array_equal(shuffled.decoded(), events.decoded())
    fewer = without(events, 3)
    assert np.abs(fewer.decoded() - events.decoded()).sum() == 1 and fewer.address.size == events.address.size - 1

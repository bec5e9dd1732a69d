"""A network that remembers equals one that forgets, bit for bit, and its work is what a brute force finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ann import QANN
from events import EventRunner, Stream, Work
from graph.graph import Graph
from graph.infer import window
from graph.lower import lower
from graph.neuron import Neuron
from graph.ops import Act, Array, Const, Conv, Input, Linear, MatMul, Mul, View
from graph.passes import SpikeSpec, fold, spikify
from graph.values import Integer, Spike, counts_site
from tests.events.test_runner import deployed, synapses
from tests.graph.random_graphs import FRAMES, MADE_BY_PASSES, graphs, inputs_of

GRID = 3
FORMS = [
    SpikeSpec(neuron=Neuron(levels=levels), signed=signed, score=score)
    for levels in (1, 2, 4, 8)
    for signed, score in ((False, "count"), (True, "linear"))
]
KINDS = ("same", "few", "many", "cut", "held")


def on_grid(x: Array) -> Array:
    return (np.round(x * 2**GRID) / 2**GRID).astype(np.float32)


def films(graph: Graph, kinds: list[str], seed: int) -> Iterator[dict[str, Array]]:
    """Window after window: the same again, a few elements changed, many, another picture, or the last frame held."""
    random, rows = np.random.default_rng(seed), window(graph)
    frame = {n: on_grid(x)[:rows] for n, x in inputs_of(graph, max(FRAMES, rows), seed).items()}
    yield frame
    for i, kind in enumerate(kinds):
        if kind == "cut":
            frame = {n: on_grid(x)[:rows] for n, x in inputs_of(graph, max(FRAMES, rows), seed + i + 1).items()}
        elif kind == "held":
            frame = {n: np.repeat(x[-1:], rows, 0) for n, x in frame.items()}
        elif kind != "same":
            share = 0.03 if kind == "few" else 0.6
            noise = {n: random.integers(-3, 4, x.shape) * (random.random(x.shape) < share) for n, x in frame.items()}
            frame = {n: (x + noise[n] / 2**GRID).astype(np.float32) for n, x in frame.items()}
        yield frame


def with_numbers(graph: Graph, seed: int) -> dict[str, Array]:
    """Weights of sixteenths, steps and grains of powers of two."""
    torch.manual_seed(seed)
    arrays = {}
    for name, tensor in lower(graph, QANN).eval().state_dict().items():
        numbers = torch.randn(tensor.shape) * 0.7 if name.endswith(("weight", "bias")) else tensor
        if name.endswith(("step", "grain")):
            numbers = torch.full(tensor.shape, 0.25)
        arrays[name] = ((numbers * 16).round() / 16 if numbers.is_floating_point() else numbers).numpy()
    tables = ((name, node.op) for name, node in graph.nodes.items() if isinstance(node.op, Const))
    return arrays | {name: op.meaning()[0] for name, op in tables}


def bits(x) -> Array:
    """Of an array or a tensor; -0 is 0."""
    values = x.detach().numpy() if isinstance(x, torch.Tensor) else x
    return (values + np.float32(0.0)).view(np.int32)


@settings(max_examples=300)
@given(
    graph=graphs(without=MADE_BY_PASSES, steps=1, grid=GRID),
    form=st.sampled_from(FORMS),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_random_networks_on_random_films(graph, form, kinds, seed):
    spiking, _ = fold(spikify(graph, form))
    arrays = with_numbers(spiking, seed)
    stream, forgets = Stream(spiking, arrays), EventRunner(spiking, arrays)
    for kind, frame in zip(["cut", *kinds], films(spiking, kinds, seed), strict=True):
        wanted = forgets.run(frame)
        for name, value in stream.step(frame).items():
            assert value.dtype == np.float32 and value.shape == wanted[name].shape
            np.testing.assert_array_equal(bits(value), bits(wanted[name]), f"{name} after {kind}")
        if kind == "same" and all((x == x[-1:]).all() for x in frame.values()):
            assert [n for n, w in stream.work.items() if replace(w, anew=False) != Work()] == []
        for name, work in stream.work.items():
            once = stream.windows if name in stream.parts.window else stream.last if stream.parts.frames == 1 else {}
            if work.events and once:
                node = spiking[name]
                most = sum(synapses(node.op, x[None]) for x in once[node.args[0]])
                assert work.adds <= most, "it begins anew where that takes fewer"


# ---- brute force ----------------------------------------------------------------------------------------------------
def brute_pairs(a: Array, b: Array) -> int:
    """Products of numbers that are not zero in a @ b, one at a time."""
    total = 0
    for left, right in zip(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]), strict=True):
        for i in range(left.shape[0]):
            for j in range(right.shape[1]):
                total += sum(bool(left[i, k]) and bool(right[k, j]) for k in range(left.shape[1]))
    return total


def brute_adds(a: Array, b: Array, changed: int, counts: list[bool]) -> int:
    """Event by event, as `events.products` says it."""
    whole = pairwise = of_sums = 0
    for left, right in zip(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]), strict=True):
        for k in range(left.shape[1]):
            for i in range(left.shape[0]):
                for j in range(right.shape[1]):
                    sizes = abs(int(left[i, k])), abs(int(right[k, j]))
                    whole += sizes[changed]
                    pairwise += sizes[0] * sizes[1]
                    of_sums += bool(sizes[changed]) * sizes[1 - changed]
    if not counts[changed]:
        return of_sums
    return max(whole, pairwise) if counts[1 - changed] else whole


def attention(levels: int, signed: bool) -> Graph:
    g = Graph(name="attention")
    y = g("stem", Conv(cin=2, cout=4, kernel=(3, 3), padding=1, bias=True), g("x", Input(dims=(2, 4, 4), grid=GRID)))
    y = g("next", Conv(cin=4, cout=8, kernel=(3, 3), stride=2, dilation=1, groups=2, padding=1), g("act", Act(), y))
    tokens = g("tokens", View(pattern="c h w -> (h w) c"), g("act2", Act(), y))
    q, k, v = (g(n, Linear(cin=8, cout=6), tokens) for n in "qkv")
    heads = (("h", 2),)
    qh, vh = (g(f"{n}h", View(pattern="n (h d) -> h n d", sizes=heads), x) for n, x in (("q", q), ("v", v)))
    kh = g("kh", View(pattern="n (h d) -> h d n", sizes=heads), k)
    inner = g("inner", MatMul(inner=4), kh, vh)
    mixed = g("mixed", MatMul(inner=3, scale=0.25), qh, inner)
    gated = g("gated", Mul(), qh, qh)
    g.output("y", mixed)
    g.output("z", gated)
    return spikify(g, SpikeSpec(neuron=Neuron(levels=levels), signed=signed))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("levels", [1, 4])
def test_its_work_is_what_a_brute_force_finds(levels, signed):
    folded, arrays = deployed(attention(levels, signed), None, 3)
    graph = folded.graph
    stream, forgets = Stream(graph, arrays), Stream(graph, arrays)
    kinds, products = ["few", "few", "same", "many", "cut"], 0
    before: dict[str, Array] = {}
    for frame in films(graph, kinds, 5):
        stream.step(frame)
        now = stream.last
        forgets.forget()
        forgets.step(frame)
        for name, node in graph.nodes.items():
            work = stream.work.get(name)
            np.testing.assert_array_equal(now[name], forgets.last[name], name)
            args = [(now[a], before.get(a, np.zeros_like(now[a]))) for a in node.args]
            if node.op.weighted and isinstance(stream.values[node.args[0]].kind, Spike):
                change, whole = args[0][0] - args[0][1], args[0][0]
                anew = not before or synapses(node.op, change) > synapses(node.op, whole)
                sent = whole if anew else change
                assert work.anew == anew and work.events == np.abs(sent).sum()
                assert work.adds == synapses(node.op, sent) and work.changed == np.count_nonzero(sent)
            elif node.op.weighted:
                different = (args[0][0] != args[0][1]).astype(np.float32)
                assert work.multiplies == synapses(node.op, different) and not work.adds
            elif node.op.product and isinstance(stream.values[name].kind, Integer):
                (a, old_a), (b, old_b) = args
                counts = [counts_site(stream.values[n].kind) is not None for n in node.args]
                terms, whole = [(a - old_a, b, 0), (old_a, b - old_b, 1)], [(a, b, 0)]
                count = brute_adds if isinstance(node.op, MatMul) else lambda a, b, *_: np.count_nonzero(a * b)
                anew = not before or sum(count(*t, counts) for t in terms) > sum(count(*t, counts) for t in whole)
                used = whole if anew else terms
                assert work.anew == anew
                wanted = sum(brute_pairs(a, b) if isinstance(node.op, MatMul) else count(a, b) for a, b, _ in used)
                assert work.multiplies == wanted
                if isinstance(node.op, MatMul):
                    assert work.adds == sum(brute_adds(*t, counts) for t in used)
                products += wanted
            elif isinstance(node.op, Act):
                different = args[0][0] != args[0][1] if before else np.ones(args[0][0].shape, bool)
                assert work.computed == different.sum()
        before = dict(now)
    assert products, "no product was tried"


def test_what_is_said_not_to_change_is_not_looked_at():
    """A lie in ``touched`` is seen in the value: the last one stands there."""

    class Frozen(Act):
        abstract = True

        def touched(self, changed, inputs):
            return np.zeros(changed[0].shape, bool)

    g = Graph(name="frozen")
    g.output("y", g("act", Frozen(fn="relu"), g("x", Input(dims=(1, 2, 2), grid=GRID))))
    stream = Stream(g, {})
    stream.step({"x": np.ones((1, 1, 2, 2), np.float32)})
    assert (stream.step({"x": np.full((1, 1, 2, 2), 2, np.float32)})["y"] == 1).all()


def test_small_changes_are_not_seen_within_the_dead_band():
    g = Graph(name="band")
    g.output("y", g("act", Act(), g("x", Input(dims=(1, 2, 2), grid=GRID))))
    stream, x = Stream(g, {}, deadband=2), np.ones((1, 1, 2, 2), np.float32)
    stream.step({"x": x})
    slow = [stream.step({"x": x + np.float32(k / 2**GRID)})["y"].max() for k in (1, 2, 3, 4)]
    assert slow == [1, 1.25, 1.25, 1.5], "against the value last sent, so a slow drift is not lost"


def test_several_steps_are_refused():
    g = Graph(name="steps")
    g.output("y", g("fc", Linear(cin=3, cout=2), g("act", Act(), g("x", Input(dims=(4, 3))))))
    graph = spikify(g, SpikeSpec(neuron=Neuron(levels=1), steps=2))
    with pytest.raises(ValueError, match="has 2 steps; a stream's network has one"):
        Stream(graph, {})

"""Counted events = enumerated synapses, as integers, on random small networks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from energy.columns import Number
from energy.counters import count
from energy.observe import Seen
from energy.tally import popcount
from graph.graph import Graph
from graph.ops import Act, Conv, DeformSample, Fanout, Input, Linear, MatMul, Pool, Upsample, View
from graph.values import Spike

sys.path.insert(0, str(Path(__file__).parent))
import energy_brute as brute

MANY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FEW = settings(MANY, max_examples=25)
CLOCKS = st.sampled_from([(4, 1), (3, 1), (1, 1), (1, 2), (2, 2)])  # levels, steps


def at(column: Number, sample: int) -> int:
    return int(np.asarray(column)[sample])


def counts_of(seen: Seen, index: int) -> np.ndarray:
    """n of an input; [T B, ...]."""
    assert isinstance(seen.kind(index), Spike)
    n = seen.inputs[index].numpy()
    assert np.array_equal(n, n.round()), "a reader of spikes is handed whole counts"
    return n.astype(int)


@st.composite
def convs(draw: st.DrawFn, channels: int, shape: tuple[int, int]) -> Conv:
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation, padding = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    assume(all(n + 2 * padding > dilation * (k - 1) for n, k in zip(shape, kernel, strict=True)))
    return Conv(
        cin=channels,
        cout=groups * draw(st.integers(1, 2)),
        kernel=kernel,
        stride=draw(st.integers(1, 3)),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
    )


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Act, one to three convolutions with layout ops between them, and a Linear on the tokens."""
    g = Graph()
    channels, height, width = draw(st.integers(1, 4)), draw(st.integers(2, 6)), draw(st.integers(2, 6))
    x = g("act", Act(axis=0), g("image", Input(dims=(channels, height, width))))
    for i in range(draw(st.integers(1, 3))):
        between = draw(st.sampled_from(["none", "act", "pool", "up"]))
        c, h, w = g[x].shape
        if between == "act":
            x = g(f"act{i}", Act(axis=0), x)
        if between == "pool" and min(h, w) > 1:
            x = g(f"pool{i}", Pool(), x)
        if between == "up" and max(h, w) < 5:
            x = g(f"up{i}", Upsample(mode="nearest"), x)
        c, h, w = g[x].shape
        x = g(f"conv{i}", draw(convs(c, (h, w))), x)
    x = g("tokens", View(pattern="c h w -> (h w) c"), x)
    g.output("mask", g("linear", Linear(cin=g[x].shape[-1], cout=draw(st.integers(1, 3))), x))
    return g


@MANY
@given(data=st.data(), graph=networks(), clock=CLOCKS, seed=st.integers(0, 99))
def test_events_are_the_enumerated_synapses(
    spiking: Callable, walk: Callable, data: st.DataObject, graph: Graph, clock: tuple[int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    levels, steps = clock
    norm = data.draw(st.sampled_from(["none", "batch"]))
    image = graph["image"].shape
    seen = walk(spiking(graph, levels=levels, steps=steps, norm=norm), {"image": 2 * torch.randn(2, *image)})
    checked = 0
    for node in seen.values():
        if not isinstance(node.op, Conv | Linear):
            continue
        n = counts_of(node, 0)
        rows = [brute.conv(node.op, r) if isinstance(node.op, Conv) else brute.linear(node.op.cout, r) for r in n]
        per_sample = np.array(rows).reshape(steps, 2).sum(0)
        counted = count(node)
        assert np.array_equal(counted.ac_w, per_sample)
        assert counted.sum("ac_w") == int(per_sample.sum()) and isinstance(counted.sum("ac_w"), int)
        flags = [
            brute.conv(node.op, r) if isinstance(node.op, Conv) else brute.linear(node.op.cout, r)
            for r in (n != 0).astype(int)
        ]
        assert counted.sum("graded") == sum(flags)
        assert counted.sum("shift_add") <= counted.sum("ac_w")
        checked += 1
    assert checked >= 2


@FEW
@given(
    sizes=st.tuples(*(st.integers(1, 4),) * 4),
    clock=CLOCKS,
    scale=st.sampled_from([1.0, 0.25, 0.3]),
    seed=st.integers(0, 99),
)
def test_products_of_counts(
    spiking: Callable, walk: Callable, sizes: tuple[int, ...], clock: tuple[int, int], scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    heads, rows, inner, columns = sizes
    levels, steps = clock
    g = Graph()
    a = g("a_act", Act(axis=-1), g("a", Input(dims=(heads, rows, inner))))
    b = g("b", Input(dims=(heads, inner, columns)))
    g.output("mask", g("product", MatMul(inner=inner, scale=scale), a, b))
    inputs = {"a": 2 * torch.randn(2, heads, rows, inner), "b": 2 * torch.randn(2, heads, inner, columns)}
    node = walk(spiking(g, levels=levels, steps=steps), inputs)["product"]
    counts = [x.numpy().round().astype(int) for x in node.inputs]  # over all steps
    counted = count(node)
    for sample in range(2):
        stationary, skipping, pair = brute.matmul(counts[0][sample], counts[1][sample])
        assert at(counted.stationary, sample) == stationary
        assert at(counted.stationary_skipping, sample) == skipping
        assert at(counted.pair, sample) == pair
        assert at(counted.ac_int, sample) == max(stationary, pair)
    assert counted.mul == (0 if scale in (1.0, 0.25) else heads * rows * columns)


@FEW
@given(
    levels=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=2),
    sizes=st.tuples(*(st.integers(1, 3),) * 4),
    clock=CLOCKS,
    seed=st.integers(0, 99),
)
def test_deformable_taps(
    spiking: Callable,
    walk: Callable,
    levels: list[tuple[int, int]],
    sizes: tuple[int, ...],
    clock: tuple[int, int],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    queries, heads, points, channels = sizes
    op = DeformSample(levels=tuple(levels), heads=heads, points=points, channels=channels)
    shapes = {
        "value": (sum(h * w for h, w in levels), heads, channels),
        "offset": (queries, heads, len(levels), points, 2),
        "weight": (queries, heads, len(levels), points),
        "reference": (queries, len(levels), 2),
    }
    g = Graph()
    args = [g(name, Input(dims=dims)) for name, dims in shapes.items()]
    g.output("mask", g("sampled", op, *args))
    inputs = {name: 2 * torch.randn(2, *dims) for name, dims in shapes.items()}
    inputs["reference"] = torch.rand(2, *shapes["reference"])
    node = walk(spiking(g, levels=clock[0], steps=clock[1]), inputs)["sampled"]
    n = node.inputs[0].numpy().round().astype(int)
    counted = count(node)
    for sample in range(2):
        adds, reads = brute.deform(
            n[sample], inputs["offset"][sample].numpy(), inputs["reference"][sample].numpy(), op.levels
        )
        assert at(counted.ac_int, sample) == adds
        assert at(counted.gather_reads, sample) == reads
    samples = queries * heads * len(levels) * points
    assert (counted.mul, counted.fadd, counted.cmp) == (8 * samples, 2 * samples, 2 * samples)


def test_linear_attention_stores_integers(spiking: Callable, walk: Callable) -> None:
    """q (k^T v): k and v are events in the first product; in the second q drives reads of what is stored."""
    g = Graph()
    q, k, v = (
        g(f"{n}_act", Act(axis=-1), g(n, Input(dims=d))) for n, d in (("q", (3, 4)), ("k", (4, 5)), ("v", (5, 6)))
    )
    states = g("states", MatMul(inner=5), k, v)
    g.output("mask", g("mixed", MatMul(inner=4), q, states))
    torch.manual_seed(0)
    seen = walk(spiking(g), {n: 2 * torch.randn(1, *g[n].shape) for n in "qkv"})
    driver = int(seen["mixed"].inputs[0].sum())
    counted = count(seen["mixed"])
    assert counted.sum("ac_int") == driver * 6 and counted.sum("pair") == 0 and counted.sum("fmac") == 0
    assert count(seen["states"]).sum("pair") == brute.matmul(*(x[0].numpy() for x in seen["states"].inputs))[2]


def test_a_wrong_fanout_is_seen(spiking: Callable, walk: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate x dense MACs has this very fault: it forgets that the border drives fewer synapses."""
    g = Graph()
    x = g("act", Act(axis=0), g("image", Input(dims=(2, 5, 5))))
    op = Conv(cin=2, cout=3, kernel=(3, 3), padding=1)
    g.output("mask", g("conv", op, x))
    torch.manual_seed(0)
    node = walk(spiking(g), {"image": torch.rand(1, 2, 5, 5) * 3})["conv"]
    truth = brute.conv(op, counts_of(node, 0)[0])
    assert count(node).sum("ac_w") == truth
    monkeypatch.setattr(Conv, "fanout", lambda self, *shapes: Fanout((3,) * 5, (3,) * 5, self.cout))
    assert count(node).sum("ac_w") > truth


def test_popcount() -> None:
    n = torch.arange(-9, 10)
    assert popcount(n).tolist() == [bin(abs(int(i))).count("1") for i in n]

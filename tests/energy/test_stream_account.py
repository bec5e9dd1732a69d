"""The account of a stream is the work of the numpy stream, as integers; and it is never cheaper than it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ann import QANN
from convert.fold import fold_network
from convert.snap import snap
from energy.account import account
from energy.columns import ARITHMETIC
from energy.stream import stream_account
from events import Stream
from graph.graph import Graph
from graph.infer import infer
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Add, Conv, DeformSample, Firing, Input, Linear, MatMul, View
from graph.passes import SpikeSpec, spikify
from graph.values import Integer, Spike
from tests.events.test_runner import deployed
from tests.events.test_stream import GRID, KINDS, attention, films


def film_of(graph: Graph, kinds: list[str], seed: int) -> dict[str, torch.Tensor]:
    frames = list(films(graph, kinds, seed))
    return {name: torch.from_numpy(np.concatenate([f[name] for f in frames])) for name in frames[0]}


def reached(op: Conv | Linear, changed: np.ndarray) -> int:
    """Sums that a changed input is a term of: positive weights, and nothing can cancel."""
    x = torch.from_numpy(changed.astype(np.float32))
    if isinstance(op, Linear):
        return int(x.any(-1).sum()) * op.cout
    ones = torch.ones(op.cout, op.cin // op.groups, *op.kernel)
    return int((torch.nn.functional.conv2d(x, ones, None, op.stride, op.padding, op.dilation, op.groups) > 0).sum())


def agree(folded, arrays, kinds: list[str], seed: int, cut: int) -> None:
    """``cut``: where the film is handed over in two batches."""
    graph = folded.graph
    film = film_of(graph, kinds, seed)
    parts = [{k: v[:cut] for k, v in film.items()}, {k: v[cut:] for k, v in film.items()}]
    rows = {r.name: r.counts for r in stream_account(folded, [[p for p in parts if len(next(iter(p.values())))]]).rows}
    stream, values = Stream(graph, arrays), infer(graph)
    for k in range(len(kinds) + 1):
        before = dict(stream.last)
        stream.step({name: x[k : k + 1].numpy() for name, x in film.items()})
        for name, work in stream.work.items():
            op, counts = graph[name].op, rows[name]
            if op.weighted and isinstance(values[graph[name].args[0]].kind, Spike):
                assert counts.ac_w[k] == work.adds, name
                assert counts.events[k] == work.events and counts.nonzeros[k] == work.changed, name
                now, last = (s[graph[name].args[0]] for s in (stream.last, before or stream.last))
                whole = stream.last[name].size
                sums = whole if work.anew else reached(op, now != last)
                assert counts.kept_B[k] == 8 * sums, f"{name}: 4 bytes read and 4 written for each sum it touches"
            elif op.weighted:
                assert k == 0 or counts.fmac[k] == work.multiplies, name
            elif isinstance(op, MatMul) and isinstance(values[name].kind, Integer):
                assert counts.nonzero_macs[k] == work.multiplies and counts.ac_int[k] == work.adds, name
            elif isinstance(op, Firing) and op.site is not None:
                cost = op.site.neuron.cost(1, op.site.signed)["cmp"]
                assert counts.cmp[k] == cost * work.computed and counts.neuron_updates[k] == work.computed, name
                bits = int(np.ceil(np.log2(op.site.levels + 1))) + op.site.signed
                assert counts.state_B[k] == 2 * bits / 8 * work.computed, "the last count, read and written"
                sent = stream.last[name] - before.get(name, np.zeros_like(stream.last[name]))
                assert counts.spike_msgs[k] == np.abs(sent).sum() and counts.graded_msgs[k] == np.count_nonzero(sent)
            elif isinstance(op, Add):
                assert counts.fadd[k] == work.computed and counts.cmp[k] == work.computed, name


@settings(max_examples=30)
@given(
    levels=st.sampled_from([1, 2, 4, 8]),
    signed=st.booleans(),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    seed=st.integers(0, 999),
    cut=st.integers(0, 6),
)
def test_attention(levels, signed, kinds, seed, cut):
    folded, arrays = deployed(attention(levels, signed), None, seed)
    agree(folded, arrays, kinds, seed, min(cut, len(kinds) + 1))


def residual(levels: int) -> Graph:
    g = Graph(name="residual")
    y = g("stem", Conv(cin=2, cout=4, kernel=(3, 3), padding=1, bias=True), g("x", Input(dims=(2, 6, 6), grid=GRID)))
    z = g("conv", Conv(cin=4, cout=4, kernel=(3, 3), padding=1, stride=1, groups=2), y)
    y = g("add", Add(), y, z)
    g.output("y", g("last", Conv(cin=4, cout=3, kernel=(2, 2), dilation=2, bias=True), y))
    return spikify(g, SpikeSpec(neuron=Neuron(levels=levels), signed=True))


@settings(max_examples=20)
@given(st.sampled_from([1, 4]), st.lists(st.sampled_from(KINDS), min_size=1, max_size=4), st.integers(0, 999))
def test_residuals(levels, kinds, seed):
    folded, arrays = deployed(residual(levels), None, seed)
    agree(folded, arrays, kinds, seed, 1)


def test_a_whole_network_and_a_frame_that_is_the_same():
    """miavs: every rule at once, sampling too. A frame like the one before costs the comparison of its inputs alone."""
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4), score="linear"))
    torch.manual_seed(0)
    network = snap(fold_network(lower(graph, QANN).eval()), 8)
    film = film_of(network.graph, ["same", "few", "many", "cut", "same"], 1)
    stream, whole = stream_account(network, [[film]]), account(network, [film])
    for k in (1, 5):
        for row in stream.rows:
            arithmetic = {c: np.broadcast_to(getattr(row.counts, c), 6)[k] for c in ARITHMETIC}
            inputs = row.op == "Input"
            assert all(not v for c, v in arithmetic.items() if not (inputs and c == "cmp")), (row.name, arithmetic)
            moved = np.broadcast_to(row.counts.kept_B, 6)[k], np.broadcast_to(row.counts.weight_B, 6)[k]
            assert moved == (0, 0)
    for row, all_of_it in zip(stream.rows, whole.rows, strict=True):
        assert row.name == all_of_it.name
        for column in ("ac_w", "fmac", "macs"):
            ours, theirs = (np.broadcast_to(getattr(r.counts, column), 6) for r in (row, all_of_it))
            assert (ours <= theirs + 1e-9).all(), f"{row.name} never takes more than the whole: {column}"
            assert ours[0] == theirs[0], "a first frame is a whole frame"


@pytest.mark.parametrize("seed", [0, 1])
def test_sampling_is_charged_by_heads_that_change(seed):
    """Brute force: taps of every (query, head) that differs in place, weight or what it taps."""
    op = DeformSample(levels=((3, 4),), heads=2, points=2, channels=3)
    g = Graph(name="sampling")
    x = g("x", Input(dims=(6, 3, 4), grid=GRID))
    value = g("value", View(pattern="(h d) r c -> (r c) h d", sizes=(("h", 2),)), g("conv", Conv(cin=6, cout=6), x))
    names = {"offset": (5, 2, 1, 2, 2), "weight": (5, 2, 1, 2), "place": (5, 1, 2)}
    others = [g(name, Input(dims=dims, grid=GRID)) for name, dims in names.items()]
    g.output("y", g("sampled", op, value, *others))
    graph = spikify(g, SpikeSpec(neuron=Neuron(levels=4)))
    folded, arrays = deployed(graph, None, seed)
    film = film_of(folded.graph, ["few", "same", "few"], seed)
    film["place"] = film["place"][:1].abs().clamp(0, 1).expand(4, -1, -1, -1).clone()
    row = next(r for r in stream_account(folded, [[film]]).rows if r.op == "DeformSample")
    stream = Stream(folded.graph, arrays)
    node = folded.graph["sampled"]
    for k in range(4):
        before = dict(stream.last)
        stream.step({name: v[k : k + 1].numpy() for name, v in film.items()})
        args = [stream.last[a] for a in node.args]
        was = [before.get(a, np.full_like(v, np.nan)) for a, v in zip(node.args, args, strict=True)]
        adds = heads = 0
        for q in range(5):
            for h in range(2):
                own = [a[:, q, h] for a in args[1:3]] + [args[3][:, q]]
                old = [a[:, q, h] for a in was[1:3]] + [was[3][:, q]]
                taps = taps_of(op, args[1][0, q, h], args[3][0, q])
                differs = any((a != b).any() for a, b in zip(own, old, strict=True))
                differs |= any((args[0][0, t, h] != was[0][0, t, h]).any() for t in taps)
                heads += differs
                adds += differs * sum(np.abs(args[0][0, t, h]).sum() for t in taps)
        assert row.counts.ac_int[k] == adds
        assert np.broadcast_to(row.counts.mul, 4)[k] == pytest.approx(heads * 2 * 8)


def taps_of(op: DeformSample, offset: np.ndarray, place: np.ndarray) -> list[int]:
    (height, width), tokens = op.levels[0], []
    for point in range(op.points):
        x, y = place[0] * np.array([width, height], np.float32) + offset[0, point] - np.float32(0.5)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            column, row = int(np.floor(x)) + dx, int(np.floor(y)) + dy
            if 0 <= column < width and 0 <= row < height:
                tokens.append(row * width + column)
    return tokens


def test_windows_are_refused():
    graph = spikify(build("etavs", "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4)))
    with pytest.raises(ValueError, match="looks at .* frames at once"):
        stream_account(lower(graph, QANN), [])

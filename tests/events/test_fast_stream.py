"""The quick stream equals the network that forgets, and the numpy stream, bit for bit; and it computes less."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load

from ann import QANN
from convert.export import arrays_of
from convert.fold import fold_network
from convert.snap import snap
from events import Stream
from events.fast import FastStream
from events.trace import Trace
from graph.graph import Graph
from graph.infer import infer
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Conv, Input
from graph.passes import SpikeSpec, fold, spikify
from graph.values import Spike
from snn import SNN
from tests.events.test_runner import deployed
from tests.events.test_stream import FORMS, GRID, KINDS, bits, films, with_numbers
from tests.graph.random_graphs import MADE_BY_PASSES, graphs


def as_tensors(frame):
    return {name: torch.from_numpy(x) for name, x in frame.items()}


def same_as_forgetting(network, films, deadband: int = 0) -> FastStream:
    stream = FastStream(network, deadband)
    for frame in films:
        inputs = as_tensors(frame)
        with torch.no_grad():
            wanted = network(**inputs)
        for name, value in stream.step(inputs).items():
            np.testing.assert_array_equal(bits(value), bits(wanted[name]), name)
    return stream


@settings(max_examples=150)
@given(
    graph=graphs(without=MADE_BY_PASSES, steps=1, grid=GRID),
    form=st.sampled_from(FORMS),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_random_networks(graph, form, kinds, seed):
    spiking, _ = fold(spikify(graph, form))
    network = lower(spiking, QANN).eval()
    own = set(network.state_dict())
    numbers = {k: torch.as_tensor(v) for k, v in with_numbers(spiking, seed).items() if k in own}
    network.load_state_dict(numbers)
    same_as_forgetting(network, films(spiking, kinds, seed))


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(9, 40), st.integers(9, 40)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    seed=st.integers(0, 99),
)
def test_boxes_of_convolutions(size, kernel, stride, padding, dilation, groups, seed):
    g = Graph(name="conv")
    x = g("x", Input(dims=(2, *size), grid=GRID))
    form = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = g("first", Conv(cin=2, cout=4, bias=True, **form), x)
    g.output("y", g("second", Conv(cin=4, cout=4, kernel=(3, 3), padding=1, groups=groups), y))
    network, _ = deployed(g, SpikeSpec(neuron=Neuron(levels=3)), seed)
    random = np.random.default_rng(seed)
    frame = (random.integers(-24, 25, (1, 2, *size)) / 8).astype(np.float32)
    films = [{"x": frame.copy()}]
    for _ in range(3):
        r, c = random.integers(size[0]), random.integers(size[1])
        frame[..., r : r + 2, c : c + 2] += np.float32(0.5)
        films.append({"x": frame.copy()})
    stream = same_as_forgetting(network, films)
    if min(size) > 24 and stride == 1:
        assert stream.computed["first"] < 0.5, "a small change is computed in its box alone"


@pytest.fixture(scope="module")
def micro():
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4), score="linear"))
    torch.manual_seed(0)
    return snap(fold_network(lower(graph, QANN).eval()), 8)


def test_a_frame_like_the_one_before_computes_nothing(micro):
    stream = same_as_forgetting(micro, films(micro.graph, ["few", "same"], 3))
    assert stream.computed == {}


def test_it_is_the_numpy_stream(micro):
    slow, quick = Stream(micro.graph, load(arrays_of(micro)), deadband=2), FastStream(micro, deadband=2)
    for frame in films(micro.graph, ["few", "many", "same"], 4):
        wanted = slow.step(frame)["mask"]
        made = quick.step(as_tensors(frame))["mask"]
        np.testing.assert_array_equal(bits(made), bits(wanted))


def test_after_a_key_frame_everything_is_computed(micro):
    stream = same_as_forgetting(micro, films(micro.graph, ["same"], 5))
    stream.forget()
    frame = next(iter(films(micro.graph, [], 5)))
    stream.step(as_tensors(frame))
    assert set(stream.computed.values()) == {1.0} and len(stream.computed) > 50


def test_several_steps_are_refused():
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=1), steps=2))
    with pytest.raises(ValueError, match="has 2 steps, expected one"):
        FastStream(lower(graph, SNN))


def test_a_window_of_another_length_is_refused(micro):
    frames = {name: x.repeat(2, 1, 1, 1) for name, x in as_tensors(next(films(micro.graph, [], 1))).items()}
    with pytest.raises(ValueError, match="input 'image' has 2 frames, expected 1 a step"):
        FastStream(micro).step(frames)


def test_the_caller_may_write_the_next_frame_into_the_same_memory(micro):
    stream, memory = FastStream(micro), as_tensors(next(films(micro.graph, [], 6)))
    for frame in films(micro.graph, ["few", "cut", "few"], 6):
        for name, x in as_tensors(frame).items():
            memory[name].copy_(x)
        with torch.no_grad():
            wanted = micro(**memory)["mask"]
        np.testing.assert_array_equal(bits(stream.step(memory)["mask"]), bits(wanted))


def test_a_mask_that_was_handed_out_stays_as_it_was(micro):
    stream, masks, copies = FastStream(micro), [], []
    for frame in films(micro.graph, ["few", "few", "many", "cut"], 7):
        masks.append(stream.step(as_tensors(frame))["mask"])
        copies.append(masks[-1].clone())
    assert all(torch.equal(a, b) for a, b in zip(masks, copies, strict=True))


def test_the_trace_counts_what_the_slow_stream_adds(micro):
    """Also where the quick stream writes a part of its last counts: few elements change in a frame."""
    values = infer(micro.graph)
    trace = Trace(micro.graph, values)
    quick, arrays = FastStream(micro, seen=trace.see), load(arrays_of(micro))
    slow, forgets = Stream(micro.graph, arrays), Stream(micro.graph, arrays)
    weighted = [node for node in micro.graph.nodes.values() if node.op.weighted]
    driven = [node.name for node in weighted if isinstance(values[node.args[0]].kind, Spike)]
    for frame in films(micro.graph, ["few", "few", "same", "few", "many", "cut", "few"], 8):
        quick.step(as_tensors(frame))
        slow.step(frame)
        forgets.forget()
        forgets.step(frame)
        whole, changes = (sum(s.work[n].adds if n in s.work else 0 for n in driven) for s in (forgets, slow))
        assert trace.taken() == (whole, changes)

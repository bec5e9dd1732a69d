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
from graph.graph import Graph
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Conv, Input
from graph.passes import SpikeSpec, fold, spikify
from tests.events.test_runner import deployed
from tests.events.test_stream import FORMS, GRID, KINDS, films_of_one, with_numbers
from tests.graph.random_graphs import MADE_BY_PASSES, graphs

OF_WINDOWS = {"Fold", "Unfold"}


def bits(x: torch.Tensor) -> np.ndarray:
    return (x.detach() + 0.0).numpy().view(np.int32)


def same_as_forgetting(network, films, deadband: int = 0) -> FastStream:
    stream = FastStream(network, deadband)
    for frame in films:
        inputs = {name: torch.from_numpy(x) for name, x in frame.items()}
        with torch.no_grad():
            wanted = network(**inputs)
        for name, value in stream.step(inputs).items():
            np.testing.assert_array_equal(bits(value), bits(wanted[name]), name)
    return stream


@settings(max_examples=150)
@given(
    graph=graphs(without=MADE_BY_PASSES | OF_WINDOWS, steps=1, grid=GRID),
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
    same_as_forgetting(network, films_of_one(spiking, kinds, seed))


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


@pytest.mark.parametrize("family", ["miavs", "avsegformer"])
def test_a_family(family):
    graph = spikify(build(family, "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4), score="linear"))
    torch.manual_seed(0)
    network = snap(fold_network(lower(graph, QANN).eval()), 8)
    same_as_forgetting(network, films_of_one(network.graph, ["few", "same", "many", "cut", "few", "few"], 2))


def test_a_frame_like_the_one_before_computes_nothing(micro):
    stream = same_as_forgetting(micro, films_of_one(micro.graph, ["few", "same"], 3))
    assert stream.computed == {}


def test_it_is_the_numpy_stream(micro):
    slow, quick = Stream(micro.graph, load(arrays_of(micro)), deadband=2), FastStream(micro, deadband=2)
    for frame in films_of_one(micro.graph, ["few", "many", "same"], 4):
        wanted = slow.step(frame)["mask"]
        made = quick.step({name: torch.from_numpy(x) for name, x in frame.items()})["mask"]
        np.testing.assert_array_equal(bits(made), (wanted + np.float32(0)).view(np.int32))


def test_after_a_key_frame_everything_is_computed(micro):
    stream = same_as_forgetting(micro, films_of_one(micro.graph, ["same"], 5))
    stream.forget()
    frame = next(iter(films_of_one(micro.graph, [], 5)))
    stream.step({name: torch.from_numpy(x) for name, x in frame.items()})
    assert set(stream.computed.values()) == {1.0} and len(stream.computed) > 50


def test_several_steps_or_frames_are_refused():
    graph = spikify(build("etavs", "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4)))
    with pytest.raises(ValueError, match="expected 1 of 1"):
        FastStream(lower(graph, QANN))

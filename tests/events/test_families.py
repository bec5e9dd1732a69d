"""All five families, deployed: events alone, the slow stream and the quick one give the network's bits, windows too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from convert.export import arrays_of
from convert.snap import headroom
from events import EventRunner, Stream
from events.fast import FastStream
from graph.infer import window
from graph.ops import Affine, Input, Norm
from tests import deployed_networks
from tests.deployed_networks import FAMILIES, inputs
from tests.events.test_stream import bits

KINDS = ["few", "held", "same", "cut"]


@pytest.fixture(scope="module", params=[(f, levels) for f in FAMILIES for levels in (2, 8)], ids=str)
def deployed(request):
    return deployed_networks.deployed(*request.param)


def test_from_events_alone(deployed):
    frame = next(inputs(deployed, []))
    with torch.no_grad():
        wanted = deployed(**frame)["mask"]
    assert wanted.std() > 0, "a mask that is the same everywhere shows nothing"
    assert max(headroom(deployed, frame).values()) < 1
    runner = EventRunner(deployed.graph, load(arrays_of(deployed)))
    made = runner.run({name: x.numpy() for name, x in frame.items()})["mask"]
    np.testing.assert_array_equal(bits(made), bits(wanted))
    assert sum(runner.adds.values()) > 0


def test_streams(deployed):
    quick, slow, adds = FastStream(deployed), Stream(deployed.graph, load(arrays_of(deployed))), []
    for frame in inputs(deployed, KINDS):
        with torch.no_grad():
            wanted = bits(deployed(**frame)["mask"])
        np.testing.assert_array_equal(bits(quick.step(frame)["mask"]), wanted)
        np.testing.assert_array_equal(bits(slow.step({name: x.numpy() for name, x in frame.items()})["mask"]), wanted)
        adds.append(sum(work.adds for work in slow.work.values()))
    assert 0 < adds[1] < adds[0] and adds[3] == 0, "few changes; the same again"
    assert (adds[2] > 0) == (window(deployed.graph) > 1), "a held frame is another window, where there are several"


def test_a_window_that_stands_still_costs_nothing(deployed):
    *_, last = inputs(deployed, [])
    held = {name: x[-1:].repeat(window(deployed.graph), *(1 for _ in x.shape[1:])) for name, x in last.items()}
    stream = FastStream(deployed)
    for _ in range(2):
        stream.step(held)
    assert stream.computed == {}


def test_norms_that_stay_are_affine(deployed):
    kinds = [type(node.op) for node in deployed.graph.nodes.values()]
    assert Norm not in kinds
    assert (Affine in kinds) == (deployed.graph.name.split("-")[0] in {"etavs", "av2ts"}), deployed.graph.name


def test_what_stays_of_a_norm_is_on_the_grid(deployed):
    """That of an input is on the input's own: a convolution may read it."""
    for name, node in deployed.graph.nodes.items():
        if isinstance(node.op, Affine):
            source = deployed.graph[node.args[0]].op
            grid = source.grid if isinstance(source, Input) else 8
            assert deployed.part(name).grain == 2.0**-grid, name
            value = deployed.compute(node, [torch.randn(2, *deployed.graph[node.args[0]].shape)])
            assert torch.equal(value * 2**grid, (value * 2**grid).round())

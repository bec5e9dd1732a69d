"""One event a step, up or down: in the end the logits are the quantised ANN's, and what it cost is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from convert.export import arrays_of
from events.settle import Settling, longest_path, settle
from graph.graph import Graph
from graph.ops import Firing
from tests.deployed_networks import deployed, inputs
from tests.events.test_stream import bits


def case(family: str, levels: int):
    network = deployed(family, levels)
    frame = next(inputs(network, []))
    return network, load(arrays_of(network)), {name: x.numpy() for name, x in frame.items()}


@pytest.mark.parametrize(
    "levels", [2, pytest.param(4, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "family", ["miavs", *(pytest.param(f, marks=pytest.mark.slow) for f in ("avsegformer", "etavs", "av2ts", "qsd"))]
)
def test_settled_it_has_the_bits_of_the_quantised_ann(family, levels):
    network, arrays, frame = case(family, levels)
    with torch.no_grad():
        wanted = network(**{name: torch.from_numpy(x) for name, x in frame.items()})["mask"]
    found = settle(network.graph, arrays, frame)
    np.testing.assert_array_equal(bits(found.outputs["mask"]), bits(wanted))
    assert levels <= found.steps <= levels * longest_path(network.graph)
    assert len(found.adds) == found.steps and found.events > found.corrections >= 0
    assert sum(found.adds) >= found.at_once, "no road is shorter than the counts themselves"


def test_nobody_fires_more_than_once_a_step():
    network, arrays, frame = case("miavs", 4)
    settling, before = Settling(network.graph, arrays), {}
    for _ in range(6):
        settling.step(frame)
        for key, n in settling.fired.items():
            change = n - before.get(key, np.zeros_like(n))
            assert set(np.unique(change)) <= {-1.0, 0.0, 1.0}
        before = dict(settling.fired)
    sites = [n for n, v in network.graph.nodes.items() if isinstance(v.op, Firing) and v.op.site is not None]
    assert {name for _, name in before} == set(sites)


def test_who_does_not_settle_in_time_is_told():
    network, arrays, frame = case("miavs", 2)
    with pytest.raises(ValueError, match="still fires after 1 steps"):
        settle(network.graph, arrays, frame, most=1)


def test_the_longest_path_counts_sites_alone():
    assert longest_path(Graph()) == 0
    network = deployed("miavs", 2)
    sites = sum(isinstance(v.op, Firing) and v.op.site is not None for v in network.graph.nodes.values())
    assert 10 < longest_path(network.graph) < sites

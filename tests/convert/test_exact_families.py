"""All five families from events alone: the quantised ANN's bits, and, op by op, the accountant's additions."""

import numpy as np
import pytest
import torch

from convert.exactness import check
from convert.export import deployed_files, read
from energy.account import account
from events import EventRunner
from graph.infer import window
from tests.deployed_networks import FAMILIES, deployed
from tests.events.test_stream import films


@pytest.fixture(params=FAMILIES)
def network(request):
    return deployed(request.param, 4)


@pytest.fixture
def folder(network, tmp_path):
    for name, content in deployed_files(network).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def frames(network):
    """As many as the network looks at in a row."""
    return next(iter(films(network.graph, [], 1)))


def test_exact(network, folder, frames):
    found = check(network, folder, {name: torch.from_numpy(x) for name, x in frames.items()})
    assert found.exact, found


def test_each_op_adds_what_is_counted(network, folder, frames):
    runner, clip = EventRunner(*read(folder)), window(network.graph)
    runner.run(frames)
    rows = account(network, [{name: torch.from_numpy(x) for name, x in frames.items()}], frames=clip).rows
    counted = {row.name: round(float(row.counts.ac_w[0]) * clip) for row in rows if np.any(row.counts.ac_w)}
    assert {name: adds for name, adds in runner.adds.items() if adds} == counted

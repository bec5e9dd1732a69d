"""Small networks with random weights and batch-norm statistics (negative gammas too), and how to deploy them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ann import ANN, QANN
from convert.calibrate import calibrate
from convert.export import deployed_files
from convert.fold import fold_network
from convert.snap import snap
from graph.dialect import Dialect
from graph.graph import Graph
from graph.lower import Network, lower
from graph.models import SPECS, build
from graph.passes import SpikeSpec, spikify

SMALL = replace(SPECS["tiny"], image=32)


def _randomise(module: Network, seed: int = 0) -> Network:
    """Statistics away from 0 and 1, a third of the gammas negative, and no layer that starts at (nearly) zero."""
    random = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.3, generator=random)
            layer.running_var.uniform_(0.5, 2.0, generator=random)
            layer.weight.data.uniform_(0.5, 1.5, generator=random)
            layer.weight.data[torch.rand(layer.weight.shape, generator=random) < 1 / 3] *= -1
            layer.bias.data.normal_(0.2, 0.5, generator=random)
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            fan = layer.weight[0].numel()
            layer.weight.data.normal_(0, (2.0 / fan) ** 0.5, generator=random)
            if layer.bias is not None:
                layer.bias.data.normal_(0, 0.2, generator=random)
    return module.eval()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What ``_randomise`` leaves as it was drawn (tables of queries) is the same in every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def randomise() -> Callable[..., Network]:
    return _randomise


@pytest.fixture(scope="session")
def batch() -> dict[str, Tensor]:
    """Two frames on the grid that the graph's inputs declare."""
    random = torch.Generator().manual_seed(1)
    image = (torch.rand(2, 3, 32, 32, generator=random) * 64).round() / 64
    logmel = (torch.randn(2, 1, 96, 64, generator=random) * 32).round() / 32
    return {"image": image, "logmel": logmel}


@pytest.fixture(scope="session")
def plain() -> Graph:
    """MI-AVS, real-valued, without its training outputs."""
    return build("miavs", SMALL).pruned(["mask"])


@pytest.fixture(scope="session")
def ann(plain) -> Network:
    return _randomise(lower(plain, ANN))


@pytest.fixture(scope="session")
def taken_over(plain, ann, batch) -> Callable[[SpikeSpec, Dialect], Network]:
    """The ANN's weights in another dialect, its steps calibrated, its statistics random; not folded."""

    def make(spec: SpikeSpec, dialect: Dialect) -> Network:
        module = lower(spikify(plain, spec), dialect).eval()
        module.load_state_dict(ann.state_dict(), strict=False)
        calibrate(ann, module, batch, 0.99)
        return module

    return make


@pytest.fixture(scope="session")
def snapped(taken_over) -> Network:
    return snap(fold_network(taken_over(SpikeSpec(), QANN)), 7)


@pytest.fixture
def deploy(tmp_path) -> Callable[[Network], Path]:
    def write(module: Network) -> Path:
        for name, content in deployed_files(module).items():
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return write

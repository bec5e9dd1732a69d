"""Small networks to count, and the tiny model in its three dialects."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ann import ANN
from energy.account import Account, account
from energy.observe import Seen, observe
from graph.graph import Graph
from graph.lower import Network, lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, fold, spikify
from layers.site import ThresholdSite
from snn import SNN

torch.set_num_threads(1)


def _spiking(graph: Graph, *, levels: int = 4, steps: int = 1, norm: str = "none", score: str = "count") -> Network:
    kind = "ilif" if levels > 1 or steps == 1 else "lif"
    spec = SpikeSpec(neuron=Neuron(kind=kind, levels=levels), steps=steps, norm=norm, score=score)
    return lower(spikify(graph, spec), SNN)


def fill_thresholds(module: Network) -> None:
    for site in module.modules():
        if isinstance(site, ThresholdSite):
            edges = (torch.arange(site.levels) + 0.5)[:, None].expand_as(site.upper)
            site.upper.copy_(edges)
            if site.signed:
                site.lower.copy_(-edges)


@pytest.fixture(scope="session")
def spiking() -> Callable[..., Network]:
    return _spiking


@pytest.fixture(scope="session")
def walk() -> Callable[[Network, dict[str, Tensor]], dict[str, Seen]]:
    """Every node as it ran, by name."""

    def run(module: Network, batch: dict[str, Tensor]) -> dict[str, Seen]:
        seen: dict[str, Seen] = {}
        observe(module, batch, lambda s: seen.__setitem__(s.node.name, s))
        return seen

    return run


@pytest.fixture(scope="session")
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(2, 3, 64, 64, generator=generator),
        "logmel": torch.rand(2, 1, 96, 64, generator=generator),
    }


@pytest.fixture(scope="session")
def tiny() -> Graph:
    return build("miavs", "tiny").pruned(["mask"])


@pytest.fixture(scope="session")
def ann_module(tiny: Graph) -> Network:
    torch.manual_seed(0)
    return lower(tiny, ANN)


@pytest.fixture(scope="session")
def folded_module(tiny: Graph) -> Network:
    torch.manual_seed(0)
    folded, _ = fold(spikify(tiny, SpikeSpec(neuron=Neuron(levels=4))))
    module = lower(folded, SNN)
    fill_thresholds(module)
    return module


@pytest.fixture(scope="session")
def ann(ann_module: Network, batch: dict[str, Tensor]) -> Account:
    return account(ann_module, [batch], name="ann")


@pytest.fixture(scope="session")
def snn(folded_module: Network, batch: dict[str, Tensor]) -> Account:
    return account(folded_module, [batch], name="snn")


@pytest.fixture(scope="session")
def stepped(tiny: Graph, batch: dict[str, Tensor]) -> Account:
    torch.manual_seed(0)
    return account(_spiking(tiny, levels=1, steps=2), [batch], name="lif")

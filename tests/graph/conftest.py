"""The two families, small, in every dialect; and a walk that sees each node's value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ann import ANN, QANN
from graph.dialect import Dialect
from graph.graph import Graph
from graph.lower import Network, observe
from graph.models import SPECS, Spec, build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from snn import SNN

SMALL = replace(SPECS["tiny"], image=32)
SOFTMAX = replace(
    SPECS["full"],
    image=64,
    frozen=(),
    backbone="tiny",
    audio="tiny_audio",
    widths=(8, 8, 8, 8),
    hidden=16,
    mask_dim=16,
    heads=2,
    queries=4,
    query_layers=1,
    encoder_layers=1,
    decoder_layers=1,
    ffn=16,
    query_ffn=16,
    mlp=16,
    fc=(8, 8),
    critic=(8, 4),
    audio_widths=(4, 4, 4, 4),
    audio_dim=8,
    points=2,
)

STEPS = {"ann": 1, "qann": 1, "ilif": 1, "lif": 3}


def _make(family: str, dialect: str) -> tuple[Graph, Dialect]:
    graph = build(family, SMALL)
    if dialect == "ann":
        return graph, ANN
    if dialect == "lif":
        return spikify(graph, SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=3)), SNN
    return spikify(graph), QANN if dialect == "qann" else SNN


@pytest.fixture
def make() -> Callable[[str, str], tuple[Graph, Dialect]]:
    """family, "ann" | "qann" | "ilif" | "lif" (three steps) -> the graph and the dialect it is lowered with."""
    return _make


@pytest.fixture(scope="session")
def small() -> Spec:
    return SMALL


@pytest.fixture(scope="session")
def softmax() -> Spec:
    """The papers' choices (layer norm, post-norm, softmax, dropout) at toy sizes."""
    return SOFTMAX


@pytest.fixture(scope="session")
def batch() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(2, 3, 32, 32, generator=random),
        "logmel": torch.randn(2, 1, 96, 64, generator=random),
    }


@pytest.fixture
def walk() -> Callable[[Network, dict[str, Tensor]], dict[str, Tensor]]:
    def run(module: Network, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        seen: dict[str, Tensor] = {}
        observe(module, inputs, lambda node, inputs, value: seen.__setitem__(node.name, value))
        return seen

    return run

"""What CONTRIBUTING promises: an op, a neuron's backend and a family are added through the public interface alone.

(A mode and a dataset: tests/experiments.) Each toy is taken away again when its test ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from energy.account import account
from graph.dialect import Call, Dialect
from graph.graph import Graph
from graph.lower import Network, Stateful, lower
from graph.meaning import evaluate
from graph.models import FAMILIES, SPECS, Family, build
from graph.neuron import Neuron
from graph.ops import REGISTRY, Act, Array, Conv, Input, Op
from graph.passes import SpikeSpec, lint, spikify
from graph.serial import dumps, loads, same
from graph.values import Kind
from layers.neurons import Neurons
from snn import BACKENDS, SNN, snn

OPS = list(REGISTRY)


@contextmanager
def added(table: dict, key: object, value: object) -> Iterator[None]:
    table[key] = value
    try:
        yield
    finally:
        del table[key]


# ---- an op: its class, and a row of the dialects' table ------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Flip(Op):
    """y = x, its last axis backwards."""

    reason: ClassVar[str] = "a toy"

    @property
    def moves(self) -> bool:
        return True

    @property
    def hoists(self) -> bool:
        return True

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        return kinds[0]

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0][..., ::-1]


REGISTRY.pop("Flip")


def flipped(g: Graph) -> Graph:
    x = g("stem", Conv(cin=2, cout=4), g("image", Input(dims=(2, 4, 5))))
    x = g("flip", Flip(), g("act", Act(ceiling=4.0), x))
    g.output("mask", g("last", Conv(cin=4, cout=1, kernel=(3, 3), padding=1), x))
    return g


@pytest.mark.parametrize("steps", [1, 4])
def test_an_op(steps):
    graph = flipped(Graph(name="flipped"))
    toy = SNN | Dialect("toy", {Flip: lambda op: Call(torch.flip, ((-1,),))})
    neuron = Neuron() if steps == 1 else Neuron(kind="lif", levels=1)
    image = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    with added(REGISTRY, "Flip", Flip):
        spiking = spikify(graph, SpikeSpec(neuron=neuron, steps=steps))
        assert spiking["sites.flip"].op == Flip()  # the neuron stands above it
        assert same(loads(dumps(spiking)), spiking)
        network = lower(spiking, toy).eval()
        arrays = {k: v.numpy() for k, v in network.state_dict().items()}
        values = evaluate(spiking, arrays, {"image": image.numpy()})
        assert np.allclose(values["out_mask"], network(image=image)["mask"].detach().numpy(), atol=1e-5)
        assert account(network, [{"image": image}]).coverage == 1.0
        assert lint(spiking).spike_fed_share == 1.0
        stateful, state = Stateful(network), None
        for _ in range(stateful.calls):
            outputs, state = stateful(state, image=image)
        assert torch.equal(outputs["mask"], network(image=image)["mask"])


def test_an_op_without_a_row_is_named():
    graph = flipped(Graph(name="flipped"))
    named = pytest.raises(ValueError, match="node 'sites.flip': dialect 'snn' has no row for Flip")
    with added(REGISTRY, "Flip", Flip), named:
        lower(spikify(graph), SNN)
    assert list(REGISTRY) == OPS


# ---- a neuron's backend: one class, one row -------------------------------------------------------------------------
class Slow(Neurons):
    """The numpy neurons, as another library's would be wrapped. No gradient."""

    def sequence(self, x: Tensor, unit_step: Tensor | None = None, norm: torch.nn.Module | None = None) -> Tensor:
        from graph.neuron import sequence

        x = x if norm is None else norm(x)
        x = (x if unit_step is None else x / unit_step).detach().unflatten(0, (self.steps, -1))
        return torch.from_numpy(sequence(self.neuron, x.numpy(), self.signed)).flatten(0, 1)


class SlowBackend:
    name = "slow"

    def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str:
        return "whose leak it cannot learn" if neuron.kind == "plif" else ""

    def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons:
        return Slow(neuron, signed, steps)


@pytest.mark.parametrize("neuron", [Neuron(), Neuron(kind="lif", levels=1), Neuron(kind="if", levels=1)])
def test_a_backend(neuron):
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=neuron, steps=3))
    torch.manual_seed(0)
    ours = lower(graph, SNN).eval()
    with added(BACKENDS, "slow", SlowBackend()):
        theirs = lower(graph, snn("slow")).eval()
    theirs.load_state_dict(ours.state_dict())
    batch = {"image": torch.randn(2, 3, 32, 32), "logmel": torch.randn(2, 1, 96, 64)}
    assert torch.allclose(ours(**batch)["mask"], theirs(**batch)["mask"], atol=1e-5)


def test_a_backend_refuses_by_name():
    with pytest.raises(
        ValueError,
        match="neuron.backend is 'slwo', expected one of native, torch, spikingjelly, snntorch, norse; nearest",
    ):
        snn("slwo")
    graph = spikify(build("miavs", "micro"), SpikeSpec(neuron=Neuron(kind="plif", levels=1), steps=2))
    refused = pytest.raises(ValueError, match="cannot compute its neuron, whose leak")
    with added(BACKENDS, "slow", SlowBackend()), refused:
        lower(graph, snn("slow"))


# ---- a family: a function, a row ------------------------------------------------------------------------------------
def two_layers(spec) -> Graph:
    g = Graph(name="toy")
    x = g("image", Input(dims=(3, spec.image, spec.image)))
    g("logmel", Input(dims=(1, 96, 64)))
    x = g("act", Act(ceiling=4.0), g("stem", Conv(cin=3, cout=8, kernel=(3, 3), padding=1), x))
    g.output("mask", g("head", Conv(cin=8, cout=spec.classes), x))
    return g


def test_a_family(tmp_path):
    with added(FAMILIES, "toy", Family(two_layers, {"tiny": replace(SPECS["tiny"], image=16), "full": SPECS["full"]})):
        network = lower(spikify(build("toy", "tiny")), SNN)
        network.save(tmp_path)
        again = Network.load(tmp_path)
        batch = {"image": torch.randn(2, 3, 16, 16), "logmel": torch.randn(2, 1, 96, 64)}
        assert torch.equal(network.eval()(**batch)["mask"], again(**batch)["mask"])
    with pytest.raises(ValueError, match="model.name is 'toy', expected one of"):
        build("toy", "tiny")

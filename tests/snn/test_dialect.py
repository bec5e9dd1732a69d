"""Which module stands where: sites fire, what has none stays real, folded one-step sites only compare."""

from typing import get_args

import pytest
import torch

from graph.dialect import Call, Place
from graph.neuron import Dynamics, Neuron
from graph.ops import Act, Drop, Gate, Input, Linear, Score, Site
from graph.values import REAL
from layers.neurons import Neurons
from layers.site import FoldedSite, SpikeSite, ThresholdSite
from snn import BACKENDS, SNN, snn
from snn.modules import TorchNeurons
from snn.native import NativeNeurons

NEURONS = {"native": NativeNeurons, "torch": TorchNeurons}


def site(neuron: Neuron, folded: bool = False) -> Site:
    return Site(name="s", neuron=neuron, channels=4, folded=folded)


def place(backend: str, steps: int) -> Place:
    return Place(kinds=(REAL,), steps=steps, backend=BACKENDS[backend])


@pytest.mark.parametrize("backend", sorted(NEURONS))
def test_table(backend):
    dialect = snn(backend)
    for kind in get_args(Dynamics):
        neuron = Neuron(kind=kind, levels=4 if kind == "ilif" else 1)
        for steps in (1, 3):
            here = place(backend, steps)
            for op in (Act, Gate, Score):
                assert isinstance(dialect.make("n", op(), here), Call)
                unfolded = dialect.make("n", op(site=site(neuron)), here)
                assert type(unfolded) is SpikeSite and type(unfolded.fire) is NEURONS[backend]
                assert (unfolded.fire.neuron, unfolded.fire.steps) == (neuron, steps)
                folded = dialect.make("n", op(site=site(neuron, True)), here)
                assert type(folded) is (ThresholdSite if kind == "ilif" and steps == 1 else FoldedSite)


def test_rows_replace_rows():
    plain, spiking = snn("torch"), snn("native")
    both = plain | spiking
    assert both.table[Act] is spiking.table[Act] and both.table[Linear] is not None
    assert both.name == "snn" and both.backend is BACKENDS["native"]
    assert isinstance(both.make("d", Drop(p=0.5), place("native", 2)), torch.nn.Module)


def test_a_row_that_is_not_there_names_the_node():
    with pytest.raises(ValueError, match="node 'n': dialect 'snn' has no row for Input"):
        SNN.make("n", Input(dims=(3,)), place("torch", 1))


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(ValueError, match="neuron.backend is 'nativ'.*nearest.*'native'"):
        snn("nativ")


def test_a_backend_that_refuses_says_why_and_where():
    class Narrow:
        name = "narrow"

        def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str:
            return f"it has no '{neuron.kind}'" if neuron.kind != "if" else ""

        def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons:
            return TorchNeurons(neuron, signed, steps)

    here = Place(kinds=(REAL,), steps=2, backend=Narrow())
    assert type(SNN.make("n", Act(site=site(Neuron(kind="if", levels=1))), here)) is SpikeSite
    with pytest.raises(ValueError, match="site 's': backend 'narrow' cannot compute its neuron, it has no 'ilif'"):
        SNN.make("n", Act(site=site(Neuron())), here)

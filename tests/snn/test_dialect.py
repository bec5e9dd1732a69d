"""Which module stands where: sites fire, what has none stays real, folded one-step sites only compare."""

import torch

from graph.dialect import Call
from graph.neuron import Neuron
from graph.ops import Act, Drop, Gate, Linear, Score, Site
from layers.site import FoldedSite, SpikeSite, ThresholdSite
from snn import SNN
from snn.modules import NEURONS


def site(levels: int, folded: bool = False) -> Site:
    return Site(name="s", neuron=Neuron(levels=levels), channels=4, folded=folded)


def test_table():
    for kind, neuron in NEURONS.items():
        levels = 4 if kind == "ilif" else 1
        for steps in (1, 3):
            table = SNN.table
            for op in (Act, Gate, Score):
                assert isinstance(table[op](op()), Call)
                made = table[op](op(site=site(levels)))
                assert type(made) is SpikeSite and type(made.fire) is neuron
                folded = table[op](op(site=site(levels, True)))
                assert type(folded) is (ThresholdSite if kind == "ilif" and steps == 1 else FoldedSite)


def test_rows_replace_rows():
    plain, spiking = SNN, SNN
    both = plain | spiking
    assert both.table[Act] is spiking.table[Act] and both.table[Linear] is not None
    assert both.name == "snn" and isinstance(both.table[Drop](Drop(p=0.5, steps=2)), torch.nn.Module)

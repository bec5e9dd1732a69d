"""``Neuron`` refuses what cannot be, and says what could."""

from dataclasses import FrozenInstanceError

import pytest

from graph.neuron import Neuron
from graph.ops import Act, Site
from snn import SNN
from snn.modules import NEURONS


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "lfi"}, "neuron.kind is 'lfi'.*nearest: '(lif|ilif)'"),
        ({"kind": "LIF"}, "neuron.kind is 'LIF'"),
        ({"reset": "none"}, "neuron.reset is 'none'"),
        ({"surrogate": "attan"}, "nearest: 'atan'"),
        ({"backend": "cuda"}, "neuron.backend is 'cuda'"),
        ({"steps": 0}, "at least 1, found 0 and 4"),
        ({"levels": 0}, "at least 1, found 1 and 0"),
        ({"kind": "lif"}, "neuron.levels is 4 but a 'lif' neuron is binary"),
        ({"kind": "if", "levels": 2}, "neuron.levels is 2 but a 'if' neuron is binary"),
        ({"kind": "plif", "levels": 3}, "a 'plif' neuron is binary"),
        ({"kind": "lif", "levels": 1, "tau": 1.0}, "neuron.tau is 1.0, expected more than 1"),
        ({"kind": "plif", "levels": 1, "tau": 0.5}, "neuron.tau is 0.5, expected more than 1"),
        ({"kind": "ilif", "tau": 0.9}, "neuron.tau is 0.9, expected at least 1"),
    ],
)
def test_refusals(fields, reason):
    with pytest.raises(ValueError, match=reason):
        Neuron(**fields)


@pytest.mark.parametrize("fields", [{}, {"kind": "if", "levels": 1, "tau": 0.5}, {"tau": 1.0}, {"steps": 4}])
def test_what_is_allowed(fields):
    assert Neuron(**fields).reset == "soft"


def test_hard_reset_cannot_be_signed():
    for kind, neuron in NEURONS.items():
        spec = Neuron(kind=kind, levels=4 if kind == "ilif" else 1, reset="hard")
        with pytest.raises(ValueError, match="signed site"):
            neuron(spec, True)
        neuron(spec, False)


def test_a_site_with_other_levels_is_refused():
    op = Act(site=Site(name="sites.a", neuron=Neuron(levels=2), channels=3))
    with pytest.raises(ValueError, match=r"'sites.a' has 2 levels, the neuron has 4"):
        SNN.table[Act](op)


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Neuron().steps = 3  # type: ignore[misc]

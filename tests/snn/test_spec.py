"""``Neuron`` and ``NeuronSettings`` refuse what cannot be, and say what could."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from experiments.settings import NeuronSettings
from graph.neuron import Dynamics, Neuron
from graph.ops import Site


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "lfi"}, "neuron.kind is 'lfi'.*nearest: '(lif|ilif)'"),
        ({"kind": "LIF"}, "neuron.kind is 'LIF'"),
        ({"reset": "none"}, "neuron.reset is 'none'"),
        ({"surrogate": "attan"}, "nearest: 'atan'"),
        ({"backend": "cuda"}, "neuron.backend is 'cuda'"),
        ({"steps": 0}, "neuron.steps is 0, expected at least 1"),
        ({"levels": 0}, "neuron.levels is 0, expected at least 1"),
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
        NeuronSettings(**fields)
    if not {"steps", "backend"} & set(fields):
        with pytest.raises(ValueError, match=reason):
            Neuron(**fields)


@pytest.mark.parametrize("fields", [{}, {"kind": "if", "levels": 1, "tau": 0.5}, {"tau": 1.0}, {"steps": 4}])
def test_what_is_allowed(fields):
    settings = NeuronSettings(**fields)
    assert settings.reset == settings.neuron.reset == "soft"
    assert settings.neuron == Neuron(**{k: v for k, v in fields.items() if k != "steps"})


def test_hard_reset_cannot_be_signed():
    for kind in get_args(Dynamics):
        neuron = Neuron(kind=kind, levels=4 if kind == "ilif" else 1, reset="hard")
        with pytest.raises(ValueError, match="neuron.reset is 'hard' at the signed site 'sites.a', expected 'soft'"):
            Site(name="sites.a", neuron=neuron, signed=True)
        Site(name="sites.a", neuron=neuron)


def test_the_levels_of_a_site_are_its_neurons():
    """There is one place that says D, so that no site can have other levels than its neuron."""
    site = Site(name="sites.a", neuron=Neuron(levels=2), channels=3)
    assert (site.levels, site.spike.levels) == (2, 2)
    with pytest.raises(TypeError, match="levels"):
        Site(name="sites.a", levels=3)


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Neuron().levels = 3  # type: ignore[misc]

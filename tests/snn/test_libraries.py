"""Neurons of other libraries in our networks: the same spikes, the same gradients, or a reason."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from layers.neurons import Refused
from snn import snn
from snn.libraries import LIBRARIES
from snn.modules import TorchBackend, TorchNeurons

IF, LIF = Neuron(kind="if", levels=1), Neuron(kind="lif", levels=1)
TRIANGLE = {"surrogate": "triangle", "alpha": 1.0}
EXACT = {
    "spikingjelly": [
        IF,
        replace(LIF, decay_input=False),
        LIF,
        replace(IF, v_init=0.5),
        replace(LIF, reset="hard", tau=4.0),
        replace(LIF, reset="hard", v_reset=-0.25),
        replace(LIF, detach_reset=False, surrogate="sigmoid", alpha=4.0),
        replace(IF, surrogate="triangle", alpha=0.5, threshold=0.75),
        Neuron(kind="plif", levels=1, tau=3.0),
    ],
    "snntorch": [
        IF,
        replace(IF, v_init=0.5),
        replace(IF, reset="hard"),
        replace(IF, reset="hard", detach_reset=False),
        replace(LIF, reset="hard", decay_input=False, tau=4.0),
        replace(LIF, reset="hard", surrogate="sigmoid", alpha=3.0),
    ],
    "norse": [
        replace(LIF, detach_reset=False, **TRIANGLE),
        replace(LIF, detach_reset=False, reset="hard", **TRIANGLE),
        replace(LIF, detach_reset=False, decay_input=False, tau=4.0, **TRIANGLE),
    ],
}
CASES = [(name, neuron) for name, neurons in EXACT.items() for neuron in neurons]


def both(name: str, neuron: Neuron, x: torch.Tensor, steps: int):
    """(counts, gradient of x, gradient of w) of ours and of theirs."""
    results = []
    for backend in (TorchBackend(), LIBRARIES[name]):
        neurons = backend.neurons(neuron, False, steps)
        given_x = x.clone().requires_grad_()
        counts = neurons(given_x)
        weight = torch.linspace(-1, 1, counts.numel()).reshape(counts.shape)
        (counts * weight).sum().backward()
        results.append((counts.detach(), given_x.grad, None if neurons.w is None else neurons.w.grad))
    return results


@pytest.mark.parametrize(("name", "neuron"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([(3,), (2, 1, 5), (1, 7, 3)]), st.booleans())
def test_spikes_and_gradients_are_ours(name, neuron, seed, steps, shape, ties):
    """``ties``: inputs of quarters, so that membranes stand at the threshold exactly."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(steps * shape[0], *shape[1:], generator=random) * 1.5 + 0.3
    x = (x * 4).round() / 4 if ties else x
    (n, dx, dw), (m, dy, dv) = both(name, neuron, x, steps)
    assert torch.equal(n, m), (n - m).abs().sum()
    assert torch.allclose(dx, dy, atol=1e-5, rtol=1e-5)
    assert (dw is None) == (dv is None) and (dw is None or torch.allclose(dw, dv, atol=1e-4, rtol=1e-4))


@pytest.mark.parametrize("name", LIBRARIES)
def test_step_by_step_is_the_sequence(name):
    neuron = EXACT[name][0]
    theirs = LIBRARIES[name].neurons(neuron, False, 4)
    x = torch.randn(4, 2, 9) + 0.5
    state, counts = theirs.init_state(x[0]), []
    for current in x:
        fired, state = theirs.step(current, state)
        counts.append(fired)
    assert torch.equal(torch.stack(counts), theirs(x.flatten(0, 1)).unflatten(0, (4, 2)))
    assert torch.equal(theirs(x.flatten(0, 1)), theirs(x.flatten(0, 1))), "nothing is left over from call to call"


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("spikingjelly", {"kind": "ilif", "levels": 4}, "integer neuron"),
        ("spikingjelly", {"surrogate": "rectangle"}, "expected neuron.surrogate among atan, sigmoid, triangle"),
        ("snntorch", {}, "subtracts the threshold a step late"),
        ("snntorch", {"kind": "if", "detach_reset": False}, "expected neuron.detach_reset true"),
        ("snntorch", {"kind": "plif"}, "a factor itself"),
        ("snntorch", {"reset": "hard", "v_reset": -1.0}, "expected neuron.v_reset 0"),
        ("snntorch", {"kind": "if", "threshold": 2.0}, "expected neuron.threshold 1"),
        ("norse", {}, "expected neuron.detach_reset false"),
        ("norse", {"kind": "if"}, "it always leaks"),
        ("norse", {"detach_reset": False}, "expected neuron.surrogate among triangle"),
        ("norse", {"detach_reset": False, "surrogate": "triangle"}, "expected neuron.alpha 1"),
    ],
)
def test_what_cannot_match_is_refused_with_the_reason(name, change, reason):
    assert reason in LIBRARIES[name].refuses(replace(LIF, **change), False, 4)


@pytest.mark.parametrize("name", LIBRARIES)
def test_negative_spikes_are_refused(name):
    assert "negative spikes" in LIBRARIES[name].refuses(EXACT[name][0], True, 4)


def test_a_late_subtraction_really_is_another_neuron(monkeypatch):
    """The rule is not overcautious: without it spikes differ."""
    theirs = LIBRARIES["snntorch"].neurons(LIF, False, 8)
    x = torch.rand(8 * 4, 50) * 3
    assert (theirs(x) != TorchNeurons(LIF, False, 8)(x)).float().mean() > 0.01


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_whole_network_runs_on_them(name):
    """Every site, forward and backward; the weights have the same names."""
    neuron = EXACT[name][0]
    spec = SpikeSpec(neuron=neuron, steps=3, norm="batch", signed=False)
    graph = spikify(build("miavs", "micro").pruned(["mask"]), spec)
    ours, theirs = lower(graph, snn("torch")), lower(graph, snn(name))
    theirs.load_state_dict(ours.state_dict())
    batch = {"image": torch.randn(2, 3, 32, 32), "logmel": torch.randn(2, 1, 96, 64)}
    losses, gradients = [], []
    for network in (ours, theirs):
        network.train()
        loss = network(**batch)["mask"].square().mean()
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.allclose(*gradients, atol=1e-5 * float(gradients[0].abs().max()))
    kernels = {fire.kernel for fire in theirs.modules() if isinstance(fire, TorchNeurons)}
    assert kernels == {f"none: {name}'s own"}


def test_a_refusal_names_the_site():
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=LIF, steps=2, signed=False))
    with pytest.raises(Refused, match=r"site 'sites\..*': backend 'snntorch' cannot compute its neuron, it subtracts"):
        lower(graph, snn("snntorch"))


def test_a_library_that_is_not_there_is_named_with_its_extra(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("snn.libraries.backend.find_spec", lambda name: None if name == "norse" else find(name))
    assert "pip install 'spikeavs[norse]' brings it" in LIBRARIES["norse"].refuses(EXACT["norse"][0], False, 4)
    assert LIBRARIES["snntorch"].refuses(IF, False, 4) == ""


def test_every_choice_of_our_neuron_is_decided(monkeypatch):
    """Every combination is computed or refused, none forgotten."""
    kinds = product(("if", "lif", "plif", "ilif"), ("soft", "hard"), ("atan", "rectangle"), (True, False), LIBRARIES)
    x = torch.randn(6, 5)
    for kind, reset, surrogate, detach, name in kinds:
        neuron = Neuron(kind=kind, levels=1, reset=reset, surrogate=surrogate, detach_reset=detach)
        if LIBRARIES[name].refuses(neuron, False, 3):
            continue
        (n, dx, _), (m, dy, _) = both(name, neuron, x, 3)
        assert torch.equal(n, m) and torch.allclose(dx, dy, atol=1e-5), (name, neuron)

"""A neuron as data: its arithmetic in numpy is the torch neurons' bit for bit, and what cannot be is refused."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch

from graph.neuron import Dynamics, Neuron, sequence, start, step
from snn.neurons import multi_step

KINDS = get_args(Dynamics)
CASES = [
    case
    for case in product(KINDS, ("soft", "hard"), (False, True), (1, 4, 9), (True, False))
    if not (case[1] == "hard" and case[2])  # a signed neuron has no hard reset
]


def neuron_of(kind: str, reset: str, decay_input: bool, seed: int) -> Neuron:
    return Neuron(
        kind=kind,
        levels=3 if kind == "ilif" else 1,
        tau=(2.0, 1.7, 3.0)[seed % 3],
        decay_input=decay_input,
        threshold=1.0 if kind == "ilif" else (1.0, 0.9)[seed % 2],
        reset=reset,
        v_reset=-0.3 if reset == "hard" else 0.0,
        v_init=(0.0, 0.4)[seed % 2],
    )


def currents(steps: int, levels: int, seed: int) -> np.ndarray:
    """Half of them multiples of 1/4, so that many meet a threshold exactly."""
    x = np.random.default_rng(seed).normal(0.4, 1.6 * levels, (steps, 5, 40)).astype(np.float32)
    x[:, :, ::2] = np.round(4 * x[:, :, ::2]) / 4
    return x


@pytest.mark.parametrize(("kind", "reset", "signed", "steps", "decay_input"), CASES)
def test_numpy_is_torch_bit_for_bit(kind, reset, signed, steps, decay_input):
    for seed in range(3):
        neuron = neuron_of(kind, reset, decay_input, seed)
        x = currents(steps, neuron.levels, seed)
        rate = torch.sigmoid(torch.tensor(0.2 * seed - 0.3)) if kind == "plif" else None
        wanted, membrane = multi_step(torch.from_numpy(x), None, neuron, signed, rate)
        counts = sequence(neuron, x, signed, None if rate is None else rate.numpy())
        assert counts.dtype == np.float32 and np.array_equal(counts, wanted.numpy())
        assert counts.any() and counts.max() <= neuron.levels
        assert counts.min() >= (-neuron.levels if signed else 0)
        v = start(neuron, x[0], signed)
        for current in x:
            _, v = step(neuron, current, v, signed, None if rate is None else rate.numpy())
        assert np.array_equal(v, membrane.numpy())


def test_a_wrong_constant_is_seen():
    x = currents(6, 1, 0)
    right = Neuron(kind="lif", levels=1)
    for wrong in (Neuron(kind="lif", levels=1, tau=2.1), Neuron(kind="lif", levels=1, threshold=1.01)):
        wanted = multi_step(torch.from_numpy(x), None, right, False)[0].numpy()
        assert not np.array_equal(sequence(wrong, x, False), wanted)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "lfi"}, "neuron.kind is 'lfi'"),
        ({"reset": "none"}, "neuron.reset is 'none'"),
        ({"surrogate": "attan"}, "neuron.surrogate is 'attan'.*'atan'"),
        ({"levels": 0}, "neuron.levels is 0, expected at least 1"),
        ({"kind": "lif"}, "neuron.levels is 4 but a 'lif' neuron is binary; expected 1, or kind 'ilif'"),
        (
            {"kind": "lif", "levels": 1, "tau": 1.0},
            r"neuron.tau is 1.0, expected more than 1 \(use kind 'if' for no leak\)",
        ),
        ({"kind": "plif", "levels": 1, "tau": 0.5}, "neuron.tau is 0.5, expected more than 1"),
        ({"tau": 0.9}, r"neuron.tau is 0.9, expected at least 1 \(beta = 1 - 1/tau\)"),
    ],
)
def test_what_cannot_be_is_one_sentence(fields, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        Neuron(**fields)
    assert "\n" not in str(caught.value)


def test_what_it_says_of_itself():
    assert Neuron(kind="plif", levels=1).learnt == {"w": ()} and Neuron().learnt == {}
    assert Neuron(levels=4).cost(1, True) == {"cmp": 8}
    assert Neuron(kind="if", levels=1).cost(3, False) == {"cmp": 1, "fadd": 2, "mul": 0, "state_words": 2}
    assert Neuron(kind="lif", levels=1).cost(3, True) == {"cmp": 2, "fadd": 2, "mul": 1, "state_words": 2}
    assert Neuron(**Neuron(kind="lif", levels=1, tau=3.0).export()) == Neuron(kind="lif", levels=1, tau=3.0)

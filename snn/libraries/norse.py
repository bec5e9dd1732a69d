"""Norse 1.1: ``lif_box_feed_forward_step``, which integrates an equation of time.

    v = v + dt tau_inv (x + v_leak - v),  z = [v > th],  v = v_reset where it fired  or  v - th z

dt tau_inv = 1/tau. It always leaks, its input with the membrane, and its reset hands the gradient on. It fires above
its threshold, we at it: its threshold is the largest fp32 below ours.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from graph.neuron import Neuron
from snn.libraries.neurons import UNDER, LibraryNeurons, looped
from snn.libraries.rules import INTEGER, NEGATIVE, Rule, surrogates

RULES = (
    INTEGER,
    NEGATIVE,
    Rule(lambda n, s: n.kind == "if", "it always leaks, expected neuron.kind lif"),
    Rule(lambda n, s: n.kind == "plif", "its leak is not learnt, expected neuron.kind lif"),
    Rule(lambda n, s: n.detach_reset, "its reset hands the gradient on, expected neuron.detach_reset false"),
    Rule(lambda n, s: n.reset == "hard" and n.v_reset != 0, "its leak goes to 0, expected neuron.v_reset 0"),
    Rule(lambda n, s: n.threshold != 1, "its threshold is set one rounding below 1, expected neuron.threshold 1"),
    surrogates(("triangle",)),
    Rule(lambda n, s: n.alpha != 1, "its triangle has one width, expected neuron.alpha 1"),
)


@cache
def _modules() -> tuple[Any, Any]:
    """Its functions and its resets. It scripts some code as it loads, of which torch warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_module("norse.torch.functional.lif_box"), import_module("norse.torch.functional.reset")


class NorseNeurons(LibraryNeurons):
    def __init__(self, neuron: Neuron, signed: bool, steps: int) -> None:
        super().__init__(neuron, signed, steps, "norse's own")
        self.hold(self._constants(neuron))

    def _constants(self, neuron: Neuron) -> Any:
        box, reset = _modules()
        return box.LIFBoxParameters(
            tau_mem_inv=torch.tensor(1.0 / neuron.tau),
            v_th=torch.tensor(UNDER),
            method="triangle",
            alpha=1.0,
            reset_method=reset.reset_value if neuron.reset == "hard" else reset.reset_subtract,
        )

    def steps_of(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        box, _ = _modules()
        x = x if self.neuron.decay_input else x * self.neuron.tau

        def step(current: Tensor, membrane: Tensor) -> tuple[Tensor, Tensor]:
            fired, after = box.lif_box_feed_forward_step(
                current, box.LIFBoxFeedForwardState(v=membrane), self.library, dt=1.0
            )
            return fired, after.v

        return looped(step, x, state)

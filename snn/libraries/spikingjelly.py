"""SpikingJelly 2.0: ``IFNode``, ``LIFNode``, ``ParametricLIFNode``; charge, fire at or above, reset, as ours.

LIF  H = V - V / tau + X  (decay_input: V + (X - V) / tau),  S = [H >= th],  V = H - th S  or  S v_reset + (1 - S) H
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graph.neuron import Neuron
from snn.libraries.neurons import LibraryNeurons
from snn.libraries.rules import INTEGER, NEGATIVE, surrogates

SURROGATES = {"atan": "ATan", "sigmoid": "Sigmoid", "triangle": "PiecewiseQuadratic"}
RULES = (INTEGER, NEGATIVE, surrogates(tuple(SURROGATES)))


class SpikingJellyNeurons(LibraryNeurons):
    def __init__(self, neuron: Neuron, signed: bool, steps: int) -> None:
        super().__init__(neuron, signed, steps, "spikingjelly's own")
        self.hold(self._node(neuron))

    def _node(self, neuron: Neuron) -> Any:
        from spikingjelly.activation_based import neuron as nodes
        from spikingjelly.activation_based import surrogate

        common = {
            "v_threshold": neuron.threshold,
            "v_reset": neuron.v_reset if neuron.reset == "hard" else None,
            "surrogate_function": getattr(surrogate, SURROGATES[neuron.surrogate])(alpha=neuron.alpha),
            "detach_reset": neuron.detach_reset,
            "step_mode": "m",
        }
        if neuron.kind == "if":
            return nodes.IFNode(**common)
        if neuron.kind == "lif":
            return nodes.LIFNode(tau=neuron.tau, decay_input=neuron.decay_input, **common)
        node = nodes.ParametricLIFNode(init_tau=neuron.tau, decay_input=neuron.decay_input, **common)
        node.w = self.w  # 1 / tau = sigmoid(w) there too
        return node

    def steps_of(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        (counts,), (after, *_) = self.library.multi_step_functional_forward((x,), (state,))
        return counts, after

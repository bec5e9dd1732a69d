"""snnTorch 1.0: ``Leaky``, which resets a step later than it fires.

    R = [U > th],  U = beta U + X - th R  (subtract)  or  beta (1 - R) U + X  (zero),  S = [U > th]

With its late reset (``reset_delay``) the gradient of the reset is cut off, without it is not: ``detach_reset``. A
subtraction that comes late leaks with the membrane, so it is ours only where nothing leaks. It fires above its
threshold, we at it: its threshold is the largest fp32 below ours.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graph.neuron import Neuron
from snn.libraries.neurons import UNDER, LibraryNeurons, looped
from snn.libraries.rules import INTEGER, NEGATIVE, Rule, surrogates

SURROGATES = {"atan": ("atan", "alpha"), "sigmoid": ("sigmoid", "slope")}
RULES = (
    INTEGER,
    NEGATIVE,
    Rule(lambda n, s: n.kind == "plif", "its learnt leak is a factor itself, ours is sigmoid(w)"),
    Rule(
        lambda n, s: n.kind == "lif" and n.reset == "soft",
        "it subtracts the threshold a step late, when it has leaked with the membrane, expected neuron.kind if or "
        "neuron.reset hard",
    ),
    Rule(
        lambda n, s: n.reset == "soft" and not n.detach_reset,
        "without its late reset it does not subtract from a membrane that is still above the threshold, expected "
        "neuron.detach_reset true",
    ),
    Rule(lambda n, s: n.reset == "hard" and n.v_reset != 0, "it resets to 0, expected neuron.v_reset 0"),
    Rule(lambda n, s: n.v_init >= 1, "it would reset before the first step, expected neuron.v_init below 1"),
    Rule(lambda n, s: n.threshold != 1, "its threshold is set one rounding below 1, expected neuron.threshold 1"),
    surrogates(tuple(SURROGATES)),
)


class SnnTorchNeurons(LibraryNeurons):
    def __init__(self, neuron: Neuron, signed: bool, steps: int) -> None:
        super().__init__(neuron, signed, steps, "snntorch's own")
        self.hold(self._leaky(neuron))

    def _leaky(self, neuron: Neuron) -> Any:
        import snntorch
        from snntorch import surrogate

        name, sharpness = SURROGATES[neuron.surrogate]
        return snntorch.Leaky(
            beta=1.0 if neuron.kind == "if" else 1.0 - 1.0 / neuron.tau,
            threshold=UNDER,
            spike_grad=getattr(surrogate, name)(**{sharpness: neuron.alpha}),
            reset_mechanism="zero" if neuron.reset == "hard" else "subtract",
            reset_delay=neuron.detach_reset,
        )

    def steps_of(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        leaky = self.library.to(x.device)
        if self.neuron.kind == "lif" and self.neuron.decay_input:
            x = x / self.neuron.tau
        return looped(leaky, x, state)

"""``TorchNeurons``: the pure neurons of ``snn.neurons`` as the neurons of a site."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from graph.neuron import Neuron
from layers.neurons import Neurons
from layers.quantise import count_round
from snn.neurons import at_rest, multi_step


class TorchNeurons(Neurons):
    """``w``: PLIF's parameter, 1/tau = sigmoid(w), one a site, starting at the neuron's tau."""

    def __init__(self, neuron: Neuron, signed: bool, steps: int) -> None:
        super().__init__(neuron, signed, steps)
        self.w = nn.Parameter(torch.tensor(-log(neuron.tau - 1.0))) if neuron.kind == "plif" else None

    def rate(self) -> Tensor | None:
        """1/tau, where it is learnt."""
        return None if self.w is None else torch.sigmoid(self.w)

    def sequence(self, x: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None) -> Tensor:
        x = x if norm is None else norm(x)
        if self.forgets and unit_step is not None:
            return count_round(x, unit_step, self.neuron.levels, self.signed)
        x = x if unit_step is None else x / unit_step
        x = x.unflatten(0, (self.steps, -1))
        return multi_step(x, None, self.neuron, self.signed, self.rate())[0].flatten(0, 1)

    @property
    def forgets(self) -> bool:
        """I-LIF of one step: the membrane never carries anything over, so it is a quantiser."""
        return self.neuron.kind == "ilif" and self.steps == 1

    def init_state(self, x: Tensor) -> Tensor:
        return at_rest(x, self.neuron, self.signed)

    def step(
        self, x: Tensor, state: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None
    ) -> tuple[Tensor, Tensor]:
        x = x if norm is None else norm(x)
        x = x if unit_step is None else x / unit_step
        counts, state = multi_step(x[None], state, self.neuron, self.signed, self.rate())
        return counts[0], state


class TorchBackend:
    """Plain torch: the reference of every other backend, on any device and in any precision."""

    name = "torch"

    def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str:
        return ""

    def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons:
        return TorchNeurons(neuron, signed, steps)

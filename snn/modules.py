"""Thin modules around the pure neurons. Input and output are [T B, ...], T-major; only here is T unfolded."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from snn.neurons import integer_lif, integrate_and_fire, signed_integrate_and_fire
from snn.spec import NeuronSpec


class Neuron(nn.Module):
    def __init__(self, spec: NeuronSpec, signed: bool = False) -> None:
        super().__init__()
        if signed and spec.reset == "hard":
            raise ValueError("neuron.reset is 'hard' at a signed site, expected 'soft' (or spikes.signed: false)")
        self.spec, self.signed = spec, signed

    def forward(self, x: Tensor) -> Tensor:
        return self.counts(x.unflatten(0, (self.spec.steps, -1))).flatten(0, 1)

    def counts(self, x: Tensor) -> Tensor:
        raise TypeError("use a subclass of Neuron")

    def extra_repr(self) -> str:
        return f"{self.spec.kind}, T={self.spec.steps}, D={self.spec.levels}{', signed' if self.signed else ''}"


class IntegerLIF(Neuron):
    """At T = 1 its membrane never carries anything over, so it only ``rounds``."""

    @property
    def rounds(self) -> bool:
        return self.spec.steps == 1

    def counts(self, x: Tensor) -> Tensor:
        return integer_lif(x, self.spec, self.signed)


class IntegrateAndFire(Neuron):
    """IF and LIF."""

    def counts(self, x: Tensor) -> Tensor:
        run = signed_integrate_and_fire if self.signed else integrate_and_fire
        return run(x, self.spec)


class ParametricLIF(Neuron):
    """1/tau = sigmoid(w), one learnt w a site, starting at the spec's tau."""

    def __init__(self, spec: NeuronSpec, signed: bool = False) -> None:
        super().__init__(spec, signed)
        self.w = nn.Parameter(torch.tensor(-log(spec.tau - 1.0)))

    def counts(self, x: Tensor) -> Tensor:
        run = signed_integrate_and_fire if self.signed else integrate_and_fire
        return run(x, self.spec, torch.sigmoid(self.w))


NEURONS: dict[str, type[Neuron]] = {
    "if": IntegrateAndFire,
    "lif": IntegrateAndFire,
    "plif": ParametricLIF,
    "ilif": IntegerLIF,
}

"""Thin modules around the pure neurons. Input and output are [T B, ...], T-major; only here is T unfolded."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from kernels.ops import lif
from layers.firing import Firing
from layers.native import runs
from layers.quantise import step_round
from snn.native import devices, dynamics
from snn.neurons import integer_lif, integrate_and_fire, signed_integrate_and_fire
from snn.spec import NeuronSpec


class Neuron(Firing):
    def __init__(self, spec: NeuronSpec, signed: bool = False) -> None:
        super().__init__()
        if signed and spec.reset == "hard":
            raise ValueError("neuron.reset is 'hard' at a signed site, expected 'soft' (or spikes.signed: false)")
        self.spec, self.signed = spec, signed
        self.kernel, self.kernel_on = dynamics(spec, signed), devices(spec)

    def forward(self, x: Tensor) -> Tensor:
        return self.counts(self.in_time(x)).flatten(0, 1)

    def on_site(self, x: Tensor, step: Tensor, scale: float) -> Tensor:
        """scale step neuron(x / step): in one pass where there is a kernel."""
        if runs(x, self.kernel_on):
            return lif(self.in_time(x), self.kernel, rate=self.rate(), step=step, gain=scale).flatten(0, 1)
        return super().on_site(x, step, scale)

    def in_time(self, x: Tensor) -> Tensor:
        return x.unflatten(0, (self.spec.steps, -1))

    def counts(self, x: Tensor) -> Tensor:
        """x [T, B, ...] -> spikes or counts of its shape."""
        if runs(x, self.kernel_on):
            return lif(x, self.kernel, rate=self.rate())
        return self.reference(x)

    def rate(self) -> Tensor | None:
        """1/tau, where it is learnt."""
        return None

    def reference(self, x: Tensor) -> Tensor:
        raise TypeError("use a subclass of Neuron")

    def extra_repr(self) -> str:
        return f"{self.spec.kind}, T={self.spec.steps}, D={self.spec.levels}{', signed' if self.signed else ''}"


class IntegerLIF(Neuron):
    def reference(self, x: Tensor) -> Tensor:
        return integer_lif(x, self.spec, self.signed)

    def on_site(self, x: Tensor, step: Tensor, scale: float) -> Tensor:
        """At T = 1 the membrane never carries anything over: it is a quantiser, and a kernel would gain nothing."""
        if self.spec.steps == 1:
            return step_round(x, step, self.spec.levels, self.signed, scale)
        return super().on_site(x, step, scale)


class IntegrateAndFire(Neuron):
    """IF and LIF."""

    def reference(self, x: Tensor) -> Tensor:
        run = signed_integrate_and_fire if self.signed else integrate_and_fire
        return run(x, self.spec, self.rate())


class ParametricLIF(IntegrateAndFire):
    """1/tau = sigmoid(w), one learnt w a site, starting at the spec's tau."""

    def __init__(self, spec: NeuronSpec, signed: bool = False) -> None:
        super().__init__(spec, signed)
        self.w = nn.Parameter(torch.tensor(-log(spec.tau - 1.0)))

    def rate(self) -> Tensor:
        return torch.sigmoid(self.w)


NEURONS: dict[str, type[Neuron]] = {
    "if": IntegrateAndFire,
    "lif": IntegrateAndFire,
    "plif": ParametricLIF,
    "ilif": IntegerLIF,
}

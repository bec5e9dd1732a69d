"""``NativeNeurons``: the compiled kernels of ``kernels/lif.cu``, bit for bit the neurons of ``snn.modules``."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from graph.neuron import Neuron
from kernels.dynamics import Dynamics
from kernels.flat_ops import neurons
from kernels.lif_ops import lif_with_membrane
from layers.native import compiled_on, named, runs
from layers.neurons import Neurons
from layers.normed import is_fused, normed_counts, normed_step
from snn.modules import TorchNeurons

KIND = {"if": "if", "lif": "lif", "plif": "lif", "ilif": "ilif"}


def dynamics(neuron: Neuron, signed: bool = False) -> Dynamics:
    """The neuron as numbers for the kernel."""
    counts = neuron.kind == "ilif"
    rest = neuron.v_reset if neuron.reset == "hard" else 0.0
    return Dynamics(
        kind=KIND[neuron.kind],
        reset="soft" if counts else neuron.reset,
        detach_reset=neuron.detach_reset,
        decay_input=neuron.decay_input or KIND[neuron.kind] != "lif",
        signed=signed,
        surrogate=neuron.surrogate,
        rate=1.0 - 1.0 / neuron.tau if counts else 1.0 / neuron.tau,
        threshold=neuron.threshold,
        v_reset=neuron.v_reset,
        start=0.0 if signed or counts else neuron.v_init + rest,
        edge=neuron.threshold - neuron.v_init if signed else neuron.threshold,
        alpha=neuron.alpha,
        levels=neuron.levels,
    )


class NativeNeurons(TorchNeurons):
    """On the kinds of device that have kernels when it is made; elsewhere, and in float64, plain torch."""

    fuses_norm: ClassVar[bool] = True

    def __init__(self, neuron: Neuron, signed: bool, steps: int) -> None:
        super().__init__(neuron, signed, steps)
        self.constants, self.devices = dynamics(neuron, signed), compiled_on()
        self.kernel = named("lif", self.devices)

    def sequence(self, x: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None) -> Tensor:
        if not runs(x, self.devices):
            return super().sequence(x, unit_step, norm)
        if is_fused(norm):
            return normed_counts(x, norm, unit_step, self.constants, self.steps, self.rate())
        x = x if norm is None else norm(x)
        return neurons(x, self.constants, self.steps, step=unit_step, rate=self.rate())

    def step(
        self, x: Tensor, state: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None
    ) -> tuple[Tensor, Tensor]:
        if not runs(x, self.devices):
            return super().step(x, state, unit_step, norm)
        if is_fused(norm) and not norm.training:
            return normed_step(x, state, norm, unit_step, self.constants, self.rate())
        x = x if norm is None else norm(x)
        counts, state = lif_with_membrane(x[None], self.constants, state, self.rate(), step=unit_step)
        return counts[0], state


class NativeBackend:
    """This project's kernels."""

    name = "native"

    def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str:
        return ""

    def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons:
        return NativeNeurons(neuron, signed, steps)

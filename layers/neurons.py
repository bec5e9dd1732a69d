"""``Neurons``: those of one site, whoever computes them; ``Backend``: who makes them.

x is what they integrate, over T steps that are folded into the batch, T-major: [T B, ...] -> counts [T B, ...]. One
step at a time it is [B, ...], with the state handed in and out; both ways give the same bits.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from graph.neuron import Neuron


class Neurons(nn.Module):
    """``norm``: what the input goes through first; ``unit_step``: the value of one count, by which it is divided then.
    ``kernel``: the compiled kernel that it runs on, or why there is none. ``fuses_norm``: norm and neurons are one."""

    kernel: str = "none: plain torch"
    fuses_norm: ClassVar[bool] = False

    def __init__(self, neuron: Neuron, signed: bool, steps: int) -> None:
        super().__init__()
        self.neuron, self.signed, self.steps = neuron, signed, steps

    def sequence(self, x: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not say how its neurons count")

    def init_state(self, x: Tensor) -> Tensor:
        """The state before the first step, for the input [B, ...] of one step."""
        raise TypeError(f"{type(self).__name__} has no state to begin with")

    def step(
        self, x: Tensor, state: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step: counts, and the state after it."""
        raise TypeError(f"{type(self).__name__} cannot go step by step")

    def forward(self, x: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None) -> Tensor:
        return self.sequence(x, unit_step, norm)

    def extra_repr(self) -> str:
        sign = ", signed" if self.signed else ""
        return f"{self.neuron.kind}, T={self.steps}, D={self.neuron.levels}{sign}"


class Backend(Protocol):
    """Who computes neurons: this project's kernels, plain torch, another library. ``refuses``: why it cannot compute a
    neuron exactly, or nothing; what a neuron costs and how it is exported the ``Neuron`` says itself."""

    @property
    def name(self) -> str: ...

    def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str: ...

    def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons: ...


class Refused(ValueError):
    """A backend that cannot compute a neuron, or is not there."""


def neurons_of(backend: Any, site: str, neuron: Neuron, signed: bool, steps: int) -> Neurons:
    """A site's neurons; a refusal is a sentence that names the site."""
    reason = backend.refuses(neuron, signed, steps)
    if reason:
        raise Refused(f"site '{site}': backend '{backend.name}' cannot compute its neuron, {reason}")
    neurons: Neurons = backend.neurons(neuron, signed, steps)
    return neurons

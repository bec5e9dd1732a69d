"""A library as a backend: which neurons it computes, and that it is there at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from graph.neuron import Neuron
from layers.neurons import Backend, Neurons
from snn.libraries import norse, snntorch, spikingjelly
from snn.libraries.neurons import LibraryNeurons
from snn.libraries.rules import Rule, refusal


@dataclass(frozen=True, kw_only=True)
class LibraryBackend:
    """``name``: of the package, of the backend and of the extra that brings it."""

    name: str
    rules: Sequence[Rule]
    neurons_class: Callable[[Neuron, bool, int], LibraryNeurons]

    @property
    def missing(self) -> str:
        """Why it cannot be used on this machine, or nothing."""
        if find_spec(self.name) is not None:
            return ""
        return f"the package {self.name} is not installed; pip install 'spikeavs[{self.name}]' brings it"

    def refuses(self, neuron: Neuron, signed: bool, steps: int) -> str:
        return self.missing or refusal(self.rules, neuron, signed)

    def neurons(self, neuron: Neuron, signed: bool, steps: int) -> Neurons:
        return self.neurons_class(neuron, signed, steps)


LIBRARIES: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        LibraryBackend(name="spikingjelly", rules=spikingjelly.RULES, neurons_class=spikingjelly.SpikingJellyNeurons),
        LibraryBackend(name="snntorch", rules=snntorch.RULES, neurons_class=snntorch.SnnTorchNeurons),
        LibraryBackend(name="norse", rules=norse.RULES, neurons_class=norse.NorseNeurons),
    )
}

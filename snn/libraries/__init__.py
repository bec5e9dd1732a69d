"""Neurons of other libraries in the place of ours: same graph, same weights, their arithmetic.

Where a library's neuron is the one of `snn.neurons`, spikes are equal and gradients within 1e-5; a neuron that it
cannot compute so is refused with the reason (its ``RULES``). The library is loaded when a network is built, not before.
"""

from snn.libraries.backend import LIBRARIES, LibraryBackend, refusal

__all__ = ["LIBRARIES", "LibraryBackend", "refusal"]

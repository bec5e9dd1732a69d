"""SNN, side by side with ``ann/dialect.py``.

| role  | SNN                                                  |
|-------|------------------------------------------------------|
| Act   | neuron, where it has a site; real on a residual edge |
| Gate  | neuron around one half: count / D                    |
| Score | neuron counts under a power of two                   |
"""

from __future__ import annotations

from common.words import not_among
from graph import ops
from graph.dialect import Dialect, register
from layers import activations
from layers.neurons import Backend
from layers.table import counting, shared
from snn.libraries import LIBRARIES
from snn.modules import TorchBackend
from snn.native import NativeBackend

BACKENDS: dict[str, Backend] = {"native": NativeBackend(), "torch": TorchBackend()}
BACKENDS.update(LIBRARIES)


def snn(backend: str = "native") -> Dialect:
    """``backend``: who computes the neurons."""
    if backend not in BACKENDS:
        raise ValueError(not_among("neuron.backend", backend, BACKENDS))
    return shared() | Dialect(
        "snn",
        {
            ops.Act: counting(activations.act),
            ops.Gate: counting(activations.gate),
            ops.Score: counting(activations.score),
        },
        BACKENDS[backend],
    )


SNN = register(snn())

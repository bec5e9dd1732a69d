"""ANN and QANN, side by side with ``snn/dialect.py``.

| role  | ANN                  | QANN                                                    |
|-------|----------------------|---------------------------------------------------------|
| Act   | ReLU, GELU, identity | D-level clip-round with a learnt step, where it has a site |
| Gate  | sigmoid              | clip-round around one half                              |
| Score | softmax              | clip-round counts under a power of two                  |
"""

from __future__ import annotations

from graph import ops
from graph.dialect import Dialect, register
from layers import activations
from layers.quantise import QuantiserBackend
from layers.table import counting, shared

ANN = register(
    shared(quantised=False)
    | Dialect("ann", {ops.Act: activations.act, ops.Gate: activations.gate, ops.Score: activations.score})
)

QANN = register(
    shared()
    | Dialect(
        "qann",
        {
            ops.Act: counting(activations.act),
            ops.Gate: counting(activations.gate),
            ops.Score: counting(activations.score),
        },
        QuantiserBackend(),
    )
)

"""ANN and QANN, side by side with ``snn/dialect.py``.

| role  | ANN                  | QANN                                                    |
|-------|----------------------|---------------------------------------------------------|
| Act   | ReLU, GELU, identity | D-level clip-round with a learnt step, where it has a site |
| Gate  | sigmoid              | clip-round around one half                              |
| Score | softmax              | clip-round counts under a power of two                  |
"""

from __future__ import annotations

from torch import nn

from graph import ops
from graph.dialect import Call, Dialect, Factory
from layers import activations
from layers.quantise import ClipRound
from layers.site import SpikeSite, ThresholdSite
from layers.table import shared


def _quantised(real: Factory) -> Factory:
    def make(op: ops.Firing) -> nn.Module | Call:
        if op.site is None:
            return real(op)
        return ThresholdSite(op) if op.site.folded else SpikeSite(op, ClipRound(op.site.levels, op.site.signed))

    return make


ANN = shared(quantised=False) | Dialect(
    "ann",
    {ops.Act: activations.act, ops.Gate: activations.gate, ops.Score: activations.score},
)

QANN = shared() | Dialect(
    "qann",
    {
        ops.Act: _quantised(activations.act),
        ops.Gate: _quantised(activations.gate),
        ops.Score: _quantised(activations.score),
    },
)

"""SNN, side by side with ``ann/dialect.py``.

| role  | SNN                                                  |
|-------|------------------------------------------------------|
| Act   | neuron, where it has a site; real on a residual edge |
| Gate  | neuron around one half: count / D                    |
| Score | neuron counts under a power of two                   |
"""

from __future__ import annotations

from torch import nn

from graph import ops
from graph.dialect import Call, Dialect, Factory
from layers import activations
from layers.site import FoldedSite, SpikeSite, ThresholdSite
from layers.table import shared
from snn.modules import NEURONS
from snn.spec import NeuronSpec


def _spiking(real: Factory, spec: NeuronSpec) -> Factory:
    def make(op: ops.Firing) -> nn.Module | Call:
        if op.site is None:
            return real(op)
        if op.site.levels != spec.levels:
            raise ValueError(f"site '{op.site.name}' has {op.site.levels} levels, the neuron has {spec.levels}")
        if op.site.folded and spec.kind == "ilif" and spec.steps == 1:
            return ThresholdSite(op)
        neuron = NEURONS[spec.kind](spec, op.site.signed)
        return FoldedSite(op, neuron) if op.site.folded else SpikeSite(op, neuron)

    return make


def SNN(spec: NeuronSpec) -> Dialect:
    return shared(spec.steps) | Dialect(
        "snn",
        {
            ops.Act: _spiking(activations.act, spec),
            ops.Gate: _spiking(activations.gate, spec),
            ops.Score: _spiking(activations.score, spec),
        },
    )

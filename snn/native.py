"""A ``NeuronSpec`` as numbers for the compiled kernel, which computes what ``snn.neurons`` computes in one pass."""

from __future__ import annotations

from kernels.dynamics import Dynamics
from layers.native import compiled_on
from snn.spec import NeuronSpec

KIND = {"if": "if", "lif": "lif", "plif": "lif", "ilif": "ilif"}


def dynamics(spec: NeuronSpec, signed: bool = False) -> Dynamics:
    counts = spec.kind == "ilif"
    rest = spec.v_reset if spec.reset == "hard" else 0.0
    return Dynamics(
        kind=KIND[spec.kind],
        reset="soft" if counts else spec.reset,
        detach_reset=spec.detach_reset,
        decay_input=spec.decay_input or KIND[spec.kind] != "lif",
        signed=signed,
        surrogate=spec.surrogate,
        rate=1.0 - 1.0 / spec.tau if counts else 1.0 / spec.tau,
        threshold=spec.threshold,
        v_reset=spec.v_reset,
        start=0.0 if signed or counts else spec.v_init + rest,
        edge=spec.threshold - spec.v_init if signed else spec.threshold,
        alpha=spec.alpha,
        levels=spec.levels,
    )


def devices(spec: NeuronSpec) -> tuple[str, ...]:
    """The kinds of device on which this neuron runs as a kernel."""
    return compiled_on() if spec.backend == "native" else ()

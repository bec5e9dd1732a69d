"""Graph -> graph: where it spikes, when it is computed, what can be folded, what still multiplies."""

from graph.passes.clocks import synchronise
from graph.passes.drive import driven_macs
from graph.passes.fold import Folding, fold
from graph.passes.lint import Finding, Lint, lint
from graph.passes.spikify import SpikeSpec, spikify

__all__ = ["Finding", "Folding", "Lint", "SpikeSpec", "driven_macs", "fold", "lint", "spikify", "synchronise"]

"""Graph -> graph: where it spikes, when it is computed, what can be folded, what still multiplies."""

from graph.passes.clocks import synchronise
from graph.passes.cost import Cost, cost
from graph.passes.drive import driven_macs, takes_changes
from graph.passes.fold import Folding, fold
from graph.passes.lint import Finding, Lint, lint
from graph.passes.released import released
from graph.passes.spikify import SpikeSpec, spikify
from graph.passes.units import bare, counts_of, with_units
from graph.passes.windows import Parts, in_windows, parts_of

__all__ = [
    "Cost",
    "Finding",
    "Folding",
    "Lint",
    "Parts",
    "SpikeSpec",
    "bare",
    "cost",
    "counts_of",
    "driven_macs",
    "fold",
    "in_windows",
    "lint",
    "parts_of",
    "released",
    "spikify",
    "synchronise",
    "takes_changes",
    "with_units",
]

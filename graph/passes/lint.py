"""``lint``: what still multiplies real numbers, and how much of all the multiplying that is.

The denominator is every multiply of a frame outside the input layers: weighted ops, products of counts, scores, gates,
bilinear coefficients, norms. The numerator is the multiplies that spikes drive: weighted ops whose input is a spike,
the tap accumulations of deformable sampling whose value is a spike, a codebook's products with one. Products of spikes
with spikes are exact integers, but they read decoded counts, so they are *not* in the numerator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graph.graph import WEIGHTED, Graph, Node
from graph.infer import Value, infer
from graph.ops import (
    Codebook,
    DeformSample,
    Downsample,
    Firing,
    Input,
    MatMul,
    Mul,
    Norm,
    Pool,
    Reduce,
    Score,
    SquaredError,
    Upsample,
)
from graph.values import Clock, Spike


@dataclass(frozen=True)
class Finding:
    """A part of a node's multiplies. ``reason`` is empty when spikes drive it. ``macs``: how many of them a flop
    counter would see as MACs: those of weighted ops and products, not of deformable sampling."""

    node: str
    multiplies: int
    reason: str
    input_layer: bool = False
    macs: int = 0


@dataclass(frozen=True)
class Lint:
    findings: tuple[Finding, ...]

    @property
    def total(self) -> int:
        return sum(f.multiplies for f in self.findings if not f.input_layer)

    @property
    def spike_fed_share(self) -> float:
        return sum(f.multiplies for f in self.findings if not f.reason) / max(self.total, 1)

    @property
    def macs(self) -> int:
        """Of the whole network, input layers included."""
        return sum(f.macs for f in self.findings)

    @property
    def spike_fed_macs(self) -> int:
        return sum(f.macs for f in self.findings if not f.reason)

    @property
    def left(self) -> list[Finding]:
        """What still multiplies, largest first."""
        return sorted((f for f in self.findings if f.reason), key=lambda f: -f.multiplies)

    def __str__(self) -> str:
        lines = [
            f"spike-fed share of multiplies outside the input layers: {self.spike_fed_share:.2%} of {self.total:,}",
            f"spike-fed MACs, deformable sampling apart: {self.spike_fed_macs / 1e9:.2f} G of {self.macs / 1e9:.2f} G "
            f"({self.spike_fed_macs / max(self.macs, 1):.1%})",
        ]
        for f in self.left:
            share = "input layer" if f.input_layer else f"{f.multiplies / max(self.total, 1):.3%}"
            lines.append(f"  {f.node:44} {f.multiplies:>12,}  {share:>11}  {f.reason}")
        return "\n".join(lines)


REASONS = {
    MatMul: "product of decoded counts",
    Mul: "gate",
    Norm: "norm that cannot be folded",
    Upsample: "bilinear interpolation",
    Downsample: "average",
    Pool: "average",
    Reduce: "average",
    Score: "attention score",
    Codebook: "distances to the entries of a codebook",
    SquaredError: "training loss",
}


def _findings(graph: Graph, node: Node, values: dict[str, Value], steps: int) -> Iterator[Finding]:
    inputs = graph.inputs(node)
    share = max(values[node.name].frames, 1)
    total = node.op.multiplies(node.shape, *inputs) * steps // share
    if not total:
        return
    spiking = bool(node.args) and isinstance(values[node.args[0]].kind, Spike)
    if isinstance(node.op, DeformSample):
        taps = node.op.macs(node.shape, *inputs) * steps // share
        yield Finding(node.name, taps, "" if spiking else "sampled value is not a spike")
        yield Finding(f"{node.name} (coefficients)", total - taps, "bilinear coefficients times attention weight")
    elif isinstance(node.op, WEIGHTED):
        source = graph[node.args[0]]
        while len(source.args) == 1 and not isinstance(source.op, (*WEIGHTED, Firing)) and not spiking:
            source = graph[source.args[0]]
        first = isinstance(source.op, Input)
        reason = "" if spiking else "input layer" if first else f"input '{node.args[0]}' is {values[node.args[0]].kind}"
        yield Finding(node.name, total, reason, first, macs=total)
    elif isinstance(node.op, Codebook) and spiking:
        yield Finding(node.name, total, "", macs=total)
    else:
        reason = REASONS.get(type(node.op), f"real arithmetic of {type(node.op).__name__}")
        macs = total if isinstance(node.op, MatMul | Codebook) else 0
        yield Finding(node.name, total, reason, macs=macs)


def lint(graph: Graph) -> Lint:
    """Findings for a graph, usually one that ``spikify`` and ``fold`` have rewritten, as it is run."""
    values = infer(graph)
    found: list[Finding] = []
    for node in graph.nodes.values():
        steps = graph.steps if values[node.name].clock == Clock.STEPPED else 1
        found += _findings(graph, node, values, steps)
    return Lint(tuple(found))

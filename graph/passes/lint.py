"""``lint``: what still multiplies real numbers, and how much of all the multiplying that is.

The denominator is every multiply of a frame outside the input layers: weighted ops, products of counts, scores, gates,
bilinear coefficients, norms. The numerator is the multiplies that spikes drive: weighted ops whose input is a spike,
the tap accumulations of deformable sampling whose value is a spike, a codebook's products with one. Products of spikes
with spikes are exact integers, but they read decoded counts, so they are *not* in the numerator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.ops import Firing, Input
from graph.values import Clock


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


def _is_input_layer(graph: Graph, node: Node) -> bool:
    """A weighted op that reads an input of the network through nothing that multiplies by weights, or fires."""
    source = graph[node.args[0]]
    while len(source.args) == 1 and not (source.op.weighted or isinstance(source.op, Firing)):
        source = graph[source.args[0]]
    return isinstance(source.op, Input)


def _findings(graph: Graph, node: Node, values: dict[str, Value], steps: int) -> Iterator[Finding]:
    """``node.op.parts``, over all steps and a frame's share of a clip."""
    share = max(values[node.name].frames, 1)
    kinds = tuple(values[a].kind for a in node.args)
    for part in node.op.parts(kinds, node.shape, *graph.inputs(node)):
        first = bool(node.op.weighted and part.reason) and _is_input_layer(graph, node)
        reason = "input layer" if first else part.reason
        if node.op.weighted and part.reason and not first:
            reason = f"input '{node.args[0]}' is {kinds[0]}"
        name = f"{node.name} ({part.label})" if part.label else node.name
        total, macs = (n * steps // share for n in (part.multiplies, part.macs))
        yield Finding(name, total, reason, first, macs=macs)


def lint(graph: Graph) -> Lint:
    """Findings for a graph, usually one that ``spikify`` and ``fold`` have rewritten, as it is run."""
    values = infer(graph)
    findings: list[Finding] = []
    for node in graph.nodes.values():
        steps = graph.steps if values[node.name].clock == Clock.STEPPED else 1
        findings += _findings(graph, node, values, steps)
    return Lint(tuple(findings))

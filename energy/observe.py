"""``observe``: run a lowered graph and call back for each node with (graph node, input tensors, output
tensor).

Stepped values are [T B, ...], T-major; values once per frame [B, ...]; static ones [1, ...]. What happens
in a row of the leading axis belongs to sample b; a sample is a frame, or a clip of consecutive frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from energy.tallies import Tallies
from energy.tally import EXACT, Tally, added_up
from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.lower import Network
from graph.lower import observe as values
from graph.ops import Input, Scale
from graph.values import Clock, Kind, Spike, counts_site


@dataclass(frozen=True)
class Operand:
    """An input as counts n [L, ...], and the spikes it holds, of one step or added up over all of them."""

    tally: Tally
    spike: Spike

    @property
    def n(self) -> Tensor:
        return self.tally.n


@dataclass(frozen=True, kw_only=True)
class Run:
    """What does not change from node to node. ``tallies``: of the values that are still read."""

    network: Network
    graph: Graph
    values: dict[str, Value]
    samples: int
    tallies: Tallies

    def stored(self, name: str) -> str:
        """The value that lies in memory: a ``Scale`` shifts it on its way to a reader."""
        node = self.graph[name]
        return node.args[0] if isinstance(node.op, Scale) else name


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One node as it was executed."""

    run: Run
    node: Node
    inputs: tuple[Tensor, ...]
    output: Tensor

    @property
    def op(self) -> Any:
        return self.node.op

    @cached_property
    def steps(self) -> int:
        return self.run.graph.steps if self.run.values[self.node.name].clock == Clock.STEPPED else 1

    def kind(self, index: int) -> Kind:
        """What input ``index`` holds; where its counts are only scaled on their way, the counts."""
        return self.run.values[self.run.stored(self.node.args[index])].kind

    def module(self) -> nn.Module:
        return self.run.network.get_submodule(self.node.weights)

    def operand(self, index: int) -> Operand | None:
        """Input ``index`` as counts, or None if it holds no spikes."""
        name = self.node.args[index]
        kind = self.run.values[name].kind
        spike = counts_site(kind)
        return None if spike is None else Operand(self.run.tallies.of(self.inputs[index], kind, name), spike)

    def per_sample(
        self, x: Tensor, most: float = EXACT, weights: Tensor | None = None, steps: int | None = None
    ) -> np.ndarray:
        """Sum a tensor of whole numbers [L, ...], |x| <= most, to int64 [S]: over the steps (its own, or those of the
        node), the frames of a sample, and all else; ``weights`` of the last axis."""
        return self.per_row(added_up(x, most, weights), steps)

    def per_row(self, rows: Tensor, steps: int | None = None) -> np.ndarray:
        """The same of sums that are fp64 already."""
        total = rows.reshape(self.steps if steps is None else steps, self.run.samples, -1).sum((0, 2))
        result: np.ndarray = total.to(torch.int64).cpu().numpy()
        return result

    @property
    def elements(self) -> int:
        """Output elements of one sample, over all steps."""
        return self.output.numel() // self.run.samples

    def length(self, index: int) -> int:
        """Elements of input ``index`` that one sample reads in one step."""
        clock, whole = self.run.values[self.node.args[index]].clock, self.inputs[index].numel()
        if clock == Clock.STATIC:
            return whole * self.rows
        return whole // (self.run.samples * (self.run.graph.steps if clock == Clock.STEPPED else 1))

    @property
    def rows(self) -> int:
        """How often a sample runs the node in one step: the frames it has."""
        return self.output.shape[0] // (self.run.samples * self.steps)

    @property
    def macs(self) -> int:
        """Dense MACs of one sample in one step."""
        return self.run.graph.macs(self.node) * self.rows


def observe(
    network: Network, batch: Mapping[str, Tensor], see: Callable[[Seen], None], *, frames: int = 1
) -> tuple[int, dict[str, Tensor]]:
    """Run ``batch`` in eval mode; -> the number of samples, each of ``frames`` frames, and the outputs."""
    inputs = [n for n, v in network.graph.nodes.items() if isinstance(v.op, Input) and n in batch]
    length = batch[inputs[0]].shape[0] if inputs else 0
    if length % frames:
        raise ValueError(f"batch of {length} frames does not divide into samples of {frames}")
    graph = network.graph
    run = Run(network=network, graph=graph, values=infer(graph), samples=length // frames, tallies=Tallies(network))

    def watch(node: Node, read: tuple[Tensor, ...], value: Tensor) -> None:
        kind = run.values[node.name].kind
        if isinstance(kind, Spike):
            run.tallies.of(value, kind, node.name)
        see(Seen(run=run, node=node, inputs=read, output=value))
        run.tallies.after(node)

    outputs = values(network, batch, watch)
    return run.samples, outputs

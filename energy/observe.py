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
from torch import Tensor, fx, nn

from energy.claims import counts, site_unit, trace
from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.lower import source_of
from graph.values import Clock, Kind, Spike


@dataclass(frozen=True)
class Operand:
    """An input as counts: n [L, ...] in float64, the spikes it holds, and the steps they were averaged
    over."""

    n: Tensor
    spike: Spike
    averaged: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """What does not change from node to node."""

    module: fx.GraphModule
    graph: Graph
    values: dict[str, Value]
    samples: int


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
        return self.run.values[self.node.args[index]].kind

    def module(self) -> nn.Module:
        return self.run.module.get_submodule(self.node.weights)

    def operand(self, index: int) -> Operand | None:
        """Input ``index`` as counts, or None if it holds no spikes."""
        run, name = self.run, self.node.args[index]
        found = trace(run.graph, run.values, name)
        if found is None:
            return None
        spike, averaged = found
        unit = site_unit(run.module, run.graph, spike.scale) / averaged
        return Operand(counts(self.inputs[index], unit, spike.levels * averaged, spike.signed, name), spike, averaged)

    def per_sample(self, x: Tensor) -> np.ndarray:
        """Sum a tensor of counts [L, ...] to int64 [S]: over the steps, the frames of a sample, and all
        else."""
        total = x.to(torch.float64).reshape(self.steps, self.run.samples, -1).sum((0, 2))
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


class _Observer(fx.Interpreter):
    def __init__(self, run: Run, see: Callable[[Seen], None]) -> None:
        super().__init__(run.module)
        self.facts, self.see = run, see

    def run_node(self, n: fx.Node) -> Any:
        args, _ = self.fetch_args_kwargs_from_env(n)
        output = super().run_node(n)
        name = n.meta.get("node")
        if name is not None:
            node = self.facts.graph[name]
            flat = args[0] if args and isinstance(args[0], list | tuple) else args
            self._check(node, output)
            self.see(Seen(run=self.facts, node=node, inputs=tuple(flat[: len(node.args)]), output=output))
        return output

    def _check(self, node: Node, output: Tensor) -> None:
        kind = self.facts.values[node.name].kind
        if isinstance(kind, Spike):
            unit = site_unit(self.facts.module, self.facts.graph, kind.scale)
            counts(output, unit, kind.levels, kind.signed, node.name)


def observe(
    module: fx.GraphModule, batch: Mapping[str, Tensor], see: Callable[[Seen], None], *, frames: int = 1
) -> int:
    """Run ``batch`` in eval mode; returns the number of samples, each of ``frames`` frames."""
    graph = source_of(module)
    names = [n.meta["node"] for n in module.graph.nodes if n.op == "placeholder"]
    missing = [n for n in names if n not in batch]
    if missing:
        raise ValueError(f"batch lacks the inputs {missing}, found {sorted(batch)}")
    length = batch[names[0]].shape[0]
    if length % frames:
        raise ValueError(f"batch of {length} frames does not divide into samples of {frames}")
    run = Run(module=module, graph=graph, values=infer(graph), samples=length // frames)
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            _Observer(run, see).run(*(batch[n] for n in names))
    finally:
        for part, training in modes:
            part.training = training
    return run.samples

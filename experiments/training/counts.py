"""How often a network spikes while it trains: what the rate penalty pulls down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from graph.lower import Network
from graph.passes import driven_macs
from layers.site import SpikeSite


class CountMeter:
    """Mean |count| per MAC in the last training forward: each site's mean, weighted by the MACs that its spikes drive.

    Over all steps, so T steps of rate r count as T r. ``penalised``: keep its gradient. ``means``: of each site's
    |count| in a step, in that forward.
    """

    def __init__(self, module: Network, penalised: bool) -> None:
        graph = module.graph
        driven = driven_macs(graph)
        self.penalised, self.steps, self.total = penalised, graph.steps, sum(driven.values())
        self.parts: list[Tensor] = []
        self.silent = False
        self.means: dict[str, Tensor] = {}
        for name, macs in driven.items():
            module.get_submodule(name).register_forward_hook(partial(self._seen, name, macs))

    def _seen(self, name: str, macs: int, site: SpikeSite, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not site.training:
            return
        mean = output.abs().mean()
        part = (mean if self.penalised else mean.detach()) * (macs * self.steps)
        if not self.silent:
            self.parts.append(part)
            self.means[name] = mean.detach()

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What is computed again meanwhile has been counted before; computed it is, for its gradient."""
        self.silent, before = True, self.silent
        try:
            yield
        finally:
            self.silent = before

    def take(self) -> Tensor | None:
        """The mean since the last call, or None where nothing spikes."""
        if not self.parts:
            return None
        mean = torch.stack(self.parts).sum() / self.total
        self.parts = []
        return mean

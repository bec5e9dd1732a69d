"""How often a network spikes while it trains, and how much that changes from frame to frame, for the penalties."""

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
    |count| in a step, in that forward. ``pairs``: frames come as neighbours, and the mean |n_t - n_(t-1)| per MAC, of
    what a stream sends (`events.stream`), is measured beside.
    """

    def __init__(self, module: Network, penalised: bool, *, pairs: bool = False) -> None:
        graph = module.graph
        driven = driven_macs(graph)
        self.penalised, self.steps, self.total = penalised, graph.steps, sum(driven.values())
        self.pairs = pairs
        self.parts: list[Tensor] = []
        self.changes: list[Tensor] = []
        self.silent = False
        self.means: dict[str, Tensor] = {}
        for name, macs in driven.items():
            module.get_submodule(name).register_forward_hook(partial(self._seen, name, macs))

    def _seen(self, name: str, macs: int, site: SpikeSite, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not site.training:
            return
        mean = output.abs().mean()
        part = (mean if self.penalised else mean.detach()) * (macs * self.steps)
        change = self._change(output) * (macs * self.steps) if self.pairs else None
        if self.silent:
            return
        self.parts.append(part)
        self.means[name] = mean.detach()
        if change is not None:
            self.changes.append(change)

    def _change(self, output: Tensor) -> Tensor:
        """Mean |n_t - n_(t-1)| of neighbours, rows 2k and 2k + 1 of a step."""
        frames = output.reshape(self.steps, -1, 2, *output.shape[1:])
        return (frames[:, :, 1] - frames[:, :, 0]).abs().mean()

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

    def take_change(self) -> Tensor | None:
        """The mean change between neighbouring frames since the last call; None where frames are no neighbours."""
        if not self.changes:
            return None
        mean = torch.stack(self.changes).sum() / self.total
        self.changes = []
        return mean

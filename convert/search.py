"""Fewer levels where they are not missed: D is halved site by site while a score stays within a stated loss.

1. of every site alone: how far the outputs move if its D is halved, and how many additions a frame that saves
   (mean |count| times the MACs that its spikes drive)
2. in the order of harm per addition saved: halve, score, keep it if the score is within the loss, else give it up
3. again, as long as a round halves something

What is kept along the way is the front: additions against score. Nothing is trained, and steps grow as D falls, so that
each site covers the same range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from convert.levels import sites_of, with_levels
from graph.graph import Node
from graph.lower import Network, lower, observe
from graph.ops import Firing
from graph.passes import driven_macs

Score = Callable[[Network], float]
Batch = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A point of the front. ``site`` is the one that was halved last, to ``levels``; none: the network as it came."""

    site: str
    levels: int
    adds: float
    score: float


@dataclass(frozen=True, kw_only=True)
class _Try:
    """A site halved to ``levels`` alone."""

    site: str
    levels: int
    adds: float
    harm: float


def with_fewer(network: Network, site: str, levels: int) -> Network:
    """The same weights with another D at one site."""
    graph = replace(network.graph, nodes=dict(network.graph.nodes))
    op = graph.nodes[site].op
    assert isinstance(op, Firing) and op.site is not None
    neuron = replace(op.site.neuron, levels=levels)
    graph.nodes[site] = replace(graph.nodes[site], op=replace(op, site=replace(op.site, neuron=neuron)))
    fewer: Network = lower(graph, network.dialect, task=network.task)
    fewer.load_state_dict(with_levels(network.state_dict(), network.graph, graph))
    return fewer.eval().to(network.device)


@torch.no_grad()
def measured(network: Network, batch: Batch) -> tuple[float, Tensor]:
    """Additions of a frame, and the logits."""
    driven, means = driven_macs(network.graph), dict[str, float]()

    def see(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if node.name in driven:
            means[node.name] = float(value.abs().mean())

    logits = observe(network, batch, see)["mask"]
    return network.graph.steps * sum(mean * driven[name] for name, mean in means.items()), logits


def _tries(network: Network, batch: Batch, given_up: set[str]) -> Iterator[_Try]:
    _, wanted = measured(network, batch)
    for name, site in sites_of(network.graph).items():
        if site.levels % 2 == 0 and name not in given_up:
            levels = site.levels // 2
            adds, logits = measured(with_fewer(network, name, levels), batch)
            yield _Try(site=name, levels=levels, adds=adds, harm=float((logits - wanted).square().mean()))


def search(network: Network, batch: Batch, score: Score, loss: float) -> tuple[Network, list[Kept]]:
    """``score``: more is better; ``loss``: the most of it that may go. -> the network with the fewest additions that
    was kept, and the front that led to it."""
    best, at_first = network, score(network)
    front = [Kept(site="", levels=0, adds=measured(network, batch)[0], score=at_first)]
    given_up: set[str] = set()
    while True:
        before, kept = front[-1].adds, len(front)
        tries = [each for each in _tries(best, batch, given_up) if each.adds < before]
        for each in sorted(tries, key=lambda each: each.harm / (before - each.adds)):
            fewer = with_fewer(best, each.site, each.levels)
            reached = score(fewer)
            if reached < at_first - loss:
                given_up.add(each.site)
                continue
            best = fewer
            front.append(Kept(site=each.site, levels=each.levels, adds=measured(best, batch)[0], score=reached))
        if len(front) == kept:
            return best, front

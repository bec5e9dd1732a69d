"""What the sites of a network fire, clip by clip: everything that the table and the figures are made of.

A site's counts are n [T F, ...], T-major: T steps of the F frames of one clip. Kept of each site:

    histogram [2 D + 1]   how often each count from -D to D was fired
    by_step [T], by_frame [F]   sum of |n|
    alive [...]           whether a neuron has fired at all, over every frame that was shown
    first [T, F, ...]     the counts of the first clip, where maps of them are wanted: of a large network, gigabytes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from common.words import nearest
from experiments.errors import UserError
from graph.graph import Graph, Node
from graph.infer import infer
from graph.lower import Network, observe
from graph.ops import Firing

PREFIX = "sites."


@dataclass
class SiteCounts:
    """``name``: without ``sites.``; ``shape``: of one row's counts. A row of ``frames`` is a frame, or, where a site
    looks at several ``together``, a window of them."""

    name: str
    levels: int
    signed: bool
    steps: int
    frames: int
    shape: tuple[int, ...]
    axis: int
    together: int = 1
    mapped: bool = True
    histogram: Tensor = field(default_factory=lambda: torch.zeros(0))
    by_step: Tensor = field(default_factory=lambda: torch.zeros(0))
    by_frame: Tensor = field(default_factory=lambda: torch.zeros(0))
    alive: Tensor = field(default_factory=lambda: torch.zeros(0))
    first: Tensor | None = None
    clips: int = 0

    def __post_init__(self) -> None:
        self.histogram = torch.zeros(2 * self.levels + 1, dtype=torch.int64)
        self.by_step = torch.zeros(self.steps, dtype=torch.float64)
        self.by_frame = torch.zeros(self.frames, dtype=torch.float64)
        self.alive = torch.zeros(self.shape, dtype=torch.bool)

    def add(self, n: Tensor) -> None:
        """One clip, n [T F, ...]. Sums are made where n is, and kept on the CPU."""
        n = n.detach().reshape(self.steps, self.frames, *self.shape)
        size = n.abs()
        values = (n.to(torch.int64) + self.levels).flatten()
        self.histogram += torch.bincount(values, minlength=len(self.histogram)).cpu()
        self.by_step += size.sum(tuple(range(1, n.ndim)), dtype=torch.float64).cpu()
        self.by_frame += size.sum((0, *range(2, n.ndim)), dtype=torch.float64).cpu()
        self.alive |= (size > 0).flatten(0, 1).any(0).cpu()
        if self.first is None and self.mapped:
            self.first = n.to("cpu", copy=True)
        self.clips += 1

    @property
    def neurons(self) -> int:
        return self.alive.numel()

    @property
    def fired(self) -> int:
        """How many counts were seen: neurons x steps x frames."""
        return int(self.histogram.sum())

    @property
    def sizes(self) -> Tensor:
        """[D + 1]: how often |n| was 0, 1, ... D."""
        up, down = self.histogram[self.levels :], self.histogram[: self.levels].flip(0)
        return up + torch.cat([torch.zeros(1, dtype=torch.int64), down])

    @property
    def mean(self) -> float:
        """Mean |n| of a neuron in a step."""
        return float(self.by_step.sum()) / self.fired

    @property
    def silent(self) -> float:
        return float(self.sizes[0]) / self.fired

    @property
    def saturated(self) -> float:
        """Share of counts that are as large as a count can be."""
        return float(self.sizes[-1]) / self.fired

    @property
    def dead(self) -> float:
        """Share of neurons that never fired."""
        return 1 - float(self.alive.double().mean())

    @property
    def step_means(self) -> Tensor:
        return self.by_step / (self.fired / self.steps)

    @property
    def frame_means(self) -> Tensor:
        """Of each frame; a window's mean stands for each of its frames."""
        return (self.by_frame / (self.fired / self.frames)).repeat_interleave(self.together)

    def maps(self) -> Tensor | None:
        """[F, H, W]: mean |n| over channels and steps of the first clip, where neurons stand at places of the picture:
        channels first, or a square number of tokens."""
        if self.first is None:
            return None
        size = self.first.abs().mean(0)
        if self.axis == 0 and len(self.shape) == 3:
            return size.mean(1)
        if len(self.shape) == 2:
            side = round(self.shape[0] ** 0.5)
            return size.mean(2).unflatten(1, (side, side)) if side > 1 and side * side == self.shape[0] else None
        return None


def sites(graph: Graph, pattern: str, run: str) -> dict[str, Firing]:
    """Node -> op of the sites whose names fit; a pattern is a shell's: ``head.*``, ``*norm?``."""
    every = {n: v.op for n, v in graph.nodes.items() if isinstance(v.op, Firing) and v.op.site is not None}
    if not every:
        raise UserError(f"run '{run}' has no spiking site, expected a run of mode snn or convert")
    fitting = {n: op for n, op in every.items() if fnmatchcase(n.removeprefix(PREFIX), pattern)}
    if not fitting:
        names = [n.removeprefix(PREFIX) for n in every]
        raise UserError(
            f"rates.sites is '{pattern}', which fits none of the {len(names)} sites of '{run}', expected a name or a "
            f"pattern like 'head.*'; nearest: '{nearest(pattern, names)}'"
        )
    return fitting


def collect(
    network: Network, clips: Iterable[Mapping[str, Tensor]], wanted: Mapping[str, Firing], *, mapped: bool = True
) -> list[SiteCounts]:
    """``clips``: the inputs of one clip each, all of as many frames. ``mapped``: keep what maps are drawn from."""
    counts, values = dict[str, SiteCounts](), infer(network.graph)
    steps = network.graph.steps

    def see(node: Node, inputs: tuple[Tensor, ...], n: Tensor) -> None:
        if node.name not in wanted:
            return
        if node.name not in counts:
            site = wanted[node.name].site
            assert site is not None
            counts[node.name] = SiteCounts(
                name=node.name.removeprefix(PREFIX),
                levels=site.levels,
                signed=site.signed,
                steps=steps,
                frames=len(n) // steps,
                shape=tuple(n.shape[1:]),
                axis=site.axis,
                together=max(1, values[node.name].frames),
                mapped=mapped,
            )
        counts[node.name].add(n)

    for clip in clips:
        observe(network, clip, see)
    return list(counts.values())

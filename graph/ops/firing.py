"""Ops that become neurons: ``Act``, ``Gate``, ``Score``; the ``Site`` that says how; and ``Mask``.

In the real-valued dialect these are ReLU or GELU, a sigmoid, a softmax. In a graph that ``spikify`` has rewritten,
those that fire carry a ``Site``: optional norm + neuron, value = count x step. Their names then begin with ``sites.``,
so that every other key of the spiking network is a key of the ANN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graph.ops.base import Op, Scaled, size
from graph.ops.weighted import Norm
from graph.values import Kind, Shape, Spike


@dataclass(frozen=True, kw_only=True)
class Site:
    """How a value is turned into spikes.

    ``norm``: batch norm in front, or None. ``levels``: the largest count D. ``step``: the value of one count before
    training; ``learn``: it is a parameter (LSQ) rather than a fixed power of two. ``folded``: the norm and the step
    have moved into per-channel thresholds.
    """

    name: str
    levels: int = 4
    signed: bool = False
    norm: Norm | None = None
    step: float = 1.0
    learn: bool = True
    folded: bool = False
    channels: int = 0
    axis: int = 0

    @property
    def spike(self) -> Spike:
        return Spike(self.levels, self.signed, self.name)


@dataclass(frozen=True, kw_only=True)
class Firing(Scaled):
    """Shared by the ops below: real without a site, a spike with one."""

    abstract: ClassVar[bool] = True

    site: Site | None = None

    def kind(self, *kinds: Kind) -> Kind:
        return super().kind(*kinds) if self.site is None else self.site.spike

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) if self.site is not None and self.site.norm is not None and not self.site.folded else 0

    def parameters(self) -> int:
        if self.site is None or self.site.folded:
            return 0
        return int(self.site.learn) + (self.site.norm.parameters() if self.site.norm else 0)


@dataclass(frozen=True, kw_only=True)
class Act(Firing):
    """y = scale fn(x), fn in {relu, gelu, identity}; ``ceiling`` > 0 clips fn from above, as a neuron does at D counts.

    As a neuron: scale * count * step, with a ``scale`` other than 1 where the published unit is a fraction of a count.
    """

    fn: str = "relu"
    axis: int = 0
    ceiling: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Gate(Firing):
    """y in [0, 1]: sigmoid(x), or ``hard``: clip(x + 1/2, 0, 1); as a neuron: count / D."""

    fn: str = "sigmoid"
    axis: int = -1


@dataclass(frozen=True, kw_only=True)
class Score(Firing):
    """Attention weights over the last axis: softmax(x), or ``relu``: scale * clip(x, 0, ceiling), or ``share``:
    n / sum(n) of n = round(clip(x, 0, ceiling)), which is real again, and has no gradient.

    As a neuron (``count``): scale * count, with scale a power of two, so that no division is left.
    """

    fn: str = "softmax"
    scale: float = 1.0
    ceiling: float = 4.0


@dataclass(frozen=True, kw_only=True)
class Mask(Op):
    """y = x where mask >= threshold, far below zero elsewhere (masked attention); a row masked whole is left open."""

    threshold: float = 0.5
    arity = 2

"""Ops that become neurons: ``Act``, ``Gate``, ``Score``; and the ``Site`` that says how.

In the real-valued dialect these are ReLU or GELU, a sigmoid, a softmax. In a graph that ``spikify`` has rewritten,
those that fire carry a ``Site``, and their value is a count: an integer in [0, D] or [-D, D]. What a count is worth is
their ``gain`` times the site's step, and reaches the readers as their ``unit``. Their names begin with ``sites.``, so
that every other key of the spiking network is a key of the ANN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from graph.neuron import Neuron
from graph.ops import real_functions
from graph.ops.base import Array, Scaled, rows_touched, size
from graph.ops.site_meaning import counts
from graph.ops.weighted import Norm
from graph.values import ONE, Kind, Shape, Spike, Unit


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where and how a value is turned into counts.

    ``neuron``: who counts. ``signed``: counts may be negative. ``norm``: batch norm in front, or None. ``step``: the
    value of one count before training; ``learn``: it is a parameter (LSQ) rather than a fixed power of two. ``folded``:
    the norm and the step have moved into per-channel thresholds.
    """

    name: str
    neuron: Neuron = field(default_factory=Neuron)
    signed: bool = False
    norm: Norm | None = None
    step: float = 1.0
    learn: bool = True
    folded: bool = False
    channels: int = 0
    axis: int = 0

    def __post_init__(self) -> None:
        if self.signed and self.neuron.reset == "hard":
            raise ValueError(
                f"neuron.reset is 'hard' at the signed site '{self.name}', expected 'soft' (or spikes.signed: false)"
            )

    @property
    def levels(self) -> int:
        return self.neuron.levels

    @property
    def spike(self) -> Spike:
        return Spike(self.levels, self.signed, self.name)

    def compares_only(self, steps: int) -> bool:
        """Folded, and without a memory: its neuron is a table of thresholds."""
        return self.folded and steps == 1 and self.neuron.kind == "ilif"

    def tables(self, steps: int) -> dict[str, Shape]:
        """Suffix -> shape of what its counting reads."""
        c = self.channels
        if self.compares_only(steps):
            lower: dict[str, Shape] = {"lower": (self.levels, c)} if self.signed else {}
            return {"sign": (c,), "upper": (self.levels, c), **lower, "step": ()}
        own: dict[str, Shape] = {f"fire.{name}": shape for name, shape in self.neuron.learnt.items()}
        if self.folded:
            return {"sign": (c,), "bias": (c,), "theta": (c,), "step": (), **own}
        front = {} if self.norm is None else {f"norm.{name}": shape for name, shape in self.norm.tables().items()}
        return {"step": (), **front, **own}


@dataclass(frozen=True, kw_only=True)
class Firing(Scaled):
    """Shared by the ops below: real without a site, counts with one.

    ``gain_shift``: u = (gain x + shift) / step is what the neuron reads."""

    abstract: ClassVar[bool] = True
    timed: ClassVar[bool] = True
    site: Site | None = None

    @property
    def worth(self) -> float:
        """The value of one count, in steps."""
        return 1.0

    @property
    def gain_shift(self) -> tuple[float, float]:
        return 1.0, 0.0

    @property
    def made_unit(self) -> Unit:
        """What one of its counts is worth. Folded, a learnt step has moved into the weights behind it, and the step of
        any other holds its worth."""
        assert self.site is not None
        if self.site.folded:
            return ONE if self.site.learn else Unit(1.0, (self.site.name,))
        return Unit(self.worth, (self.site.name,))

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        return super().kind(*kinds) if self.site is None else self.site.spike

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) if self.site is not None and self.site.norm is not None and not self.site.folded else 0

    def parameters(self) -> int:
        if self.site is None:
            return 0
        own = sum(size(shape) for shape in self.site.neuron.learnt.values())
        if self.site.folded:
            return own
        return int(self.site.learn) + own + (self.site.norm.parameters() if self.site.norm else 0)

    def real(self, x: Array) -> Array:
        """Its value without a site."""
        raise TypeError(f"{type(self).__name__} is abstract")

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        """A function of one element; a site also where its norm's statistics are constants. (A neuron of several steps
        remembers: its rows are steps.)"""
        norm = None if self.site is None else self.site.norm
        return super().touched(changed, inputs) if norm is not None and not norm.foldable else changed[0]

    def meaning(self, *inputs: Array, unit: float = 1.0, steps: int = 1, **tables: Any) -> Array:
        (x,) = inputs
        return self.real(x) if self.site is None else counts(self, x, unit, steps, tables)


@dataclass(frozen=True, kw_only=True)
class Act(Firing):
    """y = scale fn(x), fn in {relu, gelu, identity}; ``ceiling`` > 0 clips fn from above, as a neuron does at D counts.

    As a neuron: a count is worth scale steps, with a ``scale`` other than 1 where the published unit is a fraction.
    """

    fn: Literal["relu", "gelu", "identity"] = "relu"
    axis: int = 0
    ceiling: float = 0.0
    scale: float = 1.0

    @property
    def worth(self) -> float:
        return self.scale

    def real(self, x: Array) -> Array:
        y = real_functions.ACTS[self.fn](x)
        return (np.minimum(y, np.float32(self.ceiling)) if self.ceiling else y) * np.float32(self.scale)


@dataclass(frozen=True, kw_only=True)
class Gate(Firing):
    """y in [0, 1]: sigmoid(x), or ``hard``: clip(x + 1/2, 0, 1); as a neuron: count / D."""

    fn: Literal["sigmoid", "hard"] = "sigmoid"
    axis: int = -1

    @property
    def gain_shift(self) -> tuple[float, float]:
        return (0.25 if self.fn == "sigmoid" else 1.0), 0.5

    def real(self, x: Array) -> Array:
        return real_functions.GATES[self.fn](x)


@dataclass(frozen=True, kw_only=True)
class Score(Firing):
    """Attention weights over the last axis: softmax(x), or ``relu``: scale * clip(x, 0, ceiling), or ``share``:
    n / sum(n) of n = round(clip(x, 0, ceiling)), which is real again, and has no gradient.

    As a neuron (``count``): scale * count, with scale a power of two, so that no division is left.
    """

    reason: ClassVar[str] = "attention score"
    fn: Literal["softmax", "relu", "share"] = "softmax"
    scale: float = 1.0
    ceiling: float = 4.0

    @property
    def worth(self) -> float:
        return self.scale

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        whole = self.site is None and self.fn != "relu"
        return rows_touched(changed[0]) if whole else super().touched(changed, inputs)

    def real(self, x: Array) -> Array:
        return real_functions.SCORES[self.fn](x, self.ceiling) * np.float32(self.scale)

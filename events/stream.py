"""Executes a deployed network on a video and computes only what changes. Numpy, slow on purpose: the fast form's judge.

Every node keeps its last value. Of frame t, with d x = x_t - x_(t-1):

    weights on counts, or on an input's grid    y_t = y_(t-1) + W d x        event by event, one a unit of |d n|
    a product of two counts                     y_t = y_(t-1) + d A B_t + A_(t-1) d B
    everything else                             computed again, at the elements that ``Op.touched`` names

On the dyadic grid sums are exact in any order, so y_t is that of the network that forgets, bit for bit
(``events.bounds`` says where a sum might leave fp32's exact range, from weights alone). A frame starts from nothing
where there is no last one: then d n = n, and the bias stands in y. A weighted op or a product whose changes would add
more than its counts begins anew, by itself: no frame ever takes more additions than one that forgets.

A network that looks at W frames at once is given W of them a step. Windows do not overlap, as in training: what stands
in front of the first ``Unfold`` follows frame by frame, the rest window by window, frame k of this one against frame k
of the one before (`graph.passes.windows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import frexp

import numpy as np

from events.bounds import LARGEST, require_bounds
from events.events import fired, graded
from events.products import Product, Term
from events.synapses import BY_EVENT, bias_of
from events.work import Work
from graph.graph import Graph, Node
from graph.infer import infer
from graph.meaning import tables_of, unit_value
from graph.ops import Array, Const, Input, Output, Scaled
from graph.passes import parts_of, takes_changes
from graph.values import Clock, Integer, Spike, counts_site

Values = Mapping[str, Array]


@dataclass
class Stream:
    """``step`` once a window of frames: one, unless the network looks at several. ``deadband``: steps of an input's
    grid below which a change is not seen; 0 is exact. ``largest``: of an input, in size, so that sums have a bound.
    ``restarts``: whether an op begins anew where that is less work than its changes.

    ``work``: of the last step; ``last``: every value of its last frame; ``windows``: every value of its window, and
    what that read of its frames; ``sums``: products of counts, as whole numbers."""

    graph: Graph
    arrays: Mapping[str, Array]
    deadband: int = 0
    largest: float = LARGEST
    restarts: bool = True
    work: dict[str, Work] = field(default_factory=dict)
    last: dict[str, Array] = field(default_factory=dict)
    windows: dict[str, Array] = field(default_factory=dict)
    sums: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.graph.steps > 1:
            raise ValueError(f"graph '{self.graph.name}' has {self.graph.steps} steps; a stream's network has one")
        require_bounds(self.graph, self.arrays, self.largest)
        self.values, self.parts = infer(self.graph), parts_of(self.graph)

    def forget(self) -> None:
        """The next frame is a key frame."""
        self.last, self.windows, self.sums = {}, {}, {}

    def step(self, inputs: Values) -> dict[str, Array]:
        self.parts.check({name: len(x) for name, x in inputs.items()})
        self.work, frames = {}, list[dict[str, Array]]()
        for k in range(self.parts.frames):
            self.last = self._run(self.parts.each, {n: x[k : k + 1] for n, x in inputs.items()}, self.last)
            frames.append(self.last)
        if self.parts.frames > 1:
            read = {n: self._joined(n, [f[n] for f in frames]) for n in self.parts.read}
            self.windows = self._run(self.parts.window, read, self.windows)
        now = self.last | self.windows
        return {name: now[value] for name, value in self.graph.outputs.items()}

    def _joined(self, name: str, frames: list[Array]) -> Array:
        return frames[-1] if self.values[name].clock == Clock.STATIC else np.concatenate(frames)

    def _run(self, names: tuple[str, ...], given: Values, before: Values) -> dict[str, Array]:
        now = dict(given)
        for name in names:
            done = self.work.get(name)
            now[name] = self._value(self.graph[name], now, before)
            if done is not None:
                self.work[name] += done
        return now

    # ---- one node ---------------------------------------------------------------------------------------------------
    def _value(self, node: Node, now: Values, before: Values) -> Array:
        op, last, args = node.op, before.get(node.name), [now[a] for a in node.args]
        if isinstance(op, Input):
            return self._seen(op, np.asarray(now[node.name], np.float32), last)
        if self.values[node.name].clock == Clock.STATIC and last is not None:
            return last
        if isinstance(op, Const):
            return self.arrays[node.weights][None]  # as it was exported, not computed anew
        if takes_changes(self.graph, node, self.values):
            return self._synapses(node, args[0], before)
        if op.product and isinstance(self.values[node.name].kind, Integer):
            return self._product(node, args, before)
        if isinstance(op, Output) or (op.moves and not op.chooses):
            return self._meaning(node, args)  # elements go where they go: nothing is computed
        return self._again(node, args, before)

    def _seen(self, op: Input, x: Array, last: Array | None) -> Array:
        if np.abs(x).max(initial=0) > self.largest:
            raise ValueError(f"an input holds {np.abs(x).max():.3g}, expected at most {self.largest} in size")
        if last is None or not self.deadband:
            return x
        return np.where(np.abs(x - last) < self.deadband * 2.0**-op.grid, last, x)

    def _meaning(self, node: Node, args: list[Array]) -> Array:
        return node.op.meaning(*args, **tables_of(node, self.arrays, self.graph.steps))

    def _synapses(self, node: Node, x: Array, values: Values) -> Array:
        assert isinstance(node.op, Scaled)
        spiking = isinstance(self.values[node.args[0]].kind, Spike)
        tables, unit = tables_of(node, self.arrays, self.graph.steps), unit_value(node.op.unit, self.arrays)
        if frexp(unit)[0] != 0.5:
            raise ValueError(f"node '{node.name}' reads counts of unit {unit}, expected a power of two")
        last, before = values.get(node.name), values.get(node.args[0])
        change = x if before is None else x - before
        cheaper = self.restarts and spiking and self._adds(node, change) > self._adds(node, x)
        anew = last is None or cheaper
        if anew or last is None:
            change, last = x, bias_of(node.op, tables)
        events = fired(change) if spiking else graded(change)
        total, reached = BY_EVENT[type(node.op)](node.op, events, tables["weight"] * np.float32(unit))  # type: ignore[operator]
        changed = int(np.count_nonzero(change))
        self.work[node.name] = (
            Work(events=events.address.size, changed=changed, adds=reached, anew=bool(anew))
            if spiking
            else Work(changed=changed, multiplies=reached, anew=bool(anew))
        )
        return np.asarray(last + total, np.float32)

    def _adds(self, node: Node, x: Array) -> float:
        return float((np.abs(x) * node.op.fanout(*self.graph.inputs(node)).reach()).sum(dtype=np.float64))

    def _product(self, node: Node, args: list[Array], before: Values) -> Array:
        """d (A B) = dA B_t + A_(t-1) dB in whole numbers; the scale comes after."""
        (a, b), (old_a, old_b) = args, (before.get(name) for name in node.args)
        old_a, old_b = (np.zeros_like(x) if old is None else old for x, old in ((a, old_a), (b, old_b)))
        op = Product(node.op, [counts_site(self.values[name].kind) is not None for name in node.args])
        terms = [Term(a - old_a, b, changed=0), Term(old_a, b - old_b, changed=1)]
        whole = [Term(a, b, changed=0)]
        anew = node.name not in self.sums or (self.restarts and op.cost(terms) > op.cost(whole))
        terms = whole if anew else terms
        self.work[node.name] = Work(
            changed=int(np.count_nonzero(a - old_a) + np.count_nonzero(b - old_b)),
            adds=sum(op.adds(t) for t in terms),
            multiplies=sum(op.pairs(t) for t in terms),
            anew=anew,
        )
        change = np.asarray(np.sum([op.value(t) for t in terms], 0), np.float32)
        self.sums[node.name] = change if anew else self.sums[node.name] + change
        scale, unit = getattr(node.op, "scale", 1.0), unit_value(node.op.unit, self.arrays)  # type: ignore[attr-defined]
        return self.sums[node.name] * np.float32(scale) * np.float32(unit)

    def _again(self, node: Node, args: list[Array], values: Values) -> Array:
        value, last = self._meaning(node, args), values.get(node.name)
        if last is None:
            touched = np.ones(value.shape, bool)
        else:
            changed = tuple(a != values[name] for a, name in zip(args, node.args, strict=True))
            touched = node.op.touched(changed, tuple(args)) if args else np.zeros(value.shape, bool)
        self.work[node.name] = Work(computed=int(np.count_nonzero(touched)))
        return value if last is None else np.where(touched, value, last)

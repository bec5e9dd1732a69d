"""Signed binary events: the same network with neurons that fire one event a step, up or down, until nothing changes.

A site that has fired m so far, and whose input by now asks for the count n, fires sign(n - m) and remembers m (a spike
tracer: ST-BIF, SpikeZIP, You et al., ICML 2024). Sums follow event by event, as in a stream; inputs stay. What fires
early on half a sum may be taken back later: those are the corrections, and they are charged. When nobody fires any more
every site has fired what its input asks for, so the logits are the quantised ANN's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from events.stream import Stream, Values
from graph.graph import Graph, Node
from graph.ops import Array, Firing


@dataclass(frozen=True, kw_only=True)
class Settled:
    """``steps`` until nobody fired; ``events``, of them ``corrections`` beyond the final counts; ``adds`` of each step,
    and ``at_once``: those of the same frame with counts fired whole."""

    outputs: dict[str, Array]
    steps: int
    events: int
    corrections: int
    adds: list[int]
    at_once: int


WINDOW = -1  # the place of what looks at several frames


@dataclass
class Settling(Stream):
    """Frames of a window stand beside each other here, and do not follow one another: each has a ``memory`` of its own,
    by its place. ``events``: how many were fired in the last step; ``fired``: counts so far, by place and site."""

    restarts: bool = False
    events: int = 0
    place: int = 0
    memory: dict[int, tuple[dict[str, Array], dict[str, Array]]] = field(default_factory=dict)
    fired: dict[tuple[int, str], Array] = field(default_factory=dict)

    def step(self, inputs: Values) -> dict[str, Array]:
        self.parts.check({name: len(x) for name, x in inputs.items()})
        self.work, self.events = {}, 0
        rows = range(self.parts.frames)
        frames = [self._at(k, self.parts.each, {n: x[k : k + 1] for n, x in inputs.items()}) for k in rows]
        now = frames[-1]
        if self.parts.frames > 1:
            read = {n: self._joined(n, [f[n] for f in frames]) for n in self.parts.read}
            now = now | self._at(WINDOW, self.parts.window, read)
        return {name: now[value] for name, value in self.graph.outputs.items()}

    def _at(self, place: int, names: tuple[str, ...], given: Values) -> dict[str, Array]:
        before, self.sums = self.memory.get(place, ({}, {}))
        self.place = place
        now = self._run(names, given, before)
        self.memory[place] = now, self.sums
        return now

    def _again(self, node: Node, args: list[Array], values: Values) -> Array:
        op = node.op
        if not isinstance(op, Firing) or op.site is None:
            return super()._again(node, args, values)
        wanted, before = self._meaning(node, args), values.get(node.name)
        sent = np.zeros_like(wanted) if before is None else before
        change = np.sign(wanted - sent)
        self.events += int(np.abs(change).sum())
        now = self.fired[self.place, node.name] = sent + change
        return now


def longest_path(graph: Graph) -> int:
    """The most sites that one event's consequences pass one after the other."""
    depth: dict[str, int] = {}
    for name, node in graph.nodes.items():
        site = isinstance(node.op, Firing) and node.op.site is not None
        depth[name] = max((depth[a] for a in node.args), default=0) + site
    return max(depth.values(), default=0)


def settle(graph: Graph, arrays: Mapping[str, Array], inputs: Values, most: int = 1000) -> Settled:
    """One window of frames from nothing to the end, at most ``most`` steps."""
    settling, whole = Settling(graph, arrays), Stream(graph, arrays)
    whole.step(inputs)
    events, adds = 0, list[int]()
    for steps in range(most + 1):
        outputs = settling.step(inputs)
        if not settling.events:
            final = sum(int(np.abs(n).sum()) for n in settling.fired.values())
            return Settled(
                outputs=outputs,
                steps=steps,
                events=events,
                corrections=events - final,
                adds=adds,
                at_once=sum(work.adds for work in whole.work.values()),
            )
        events += settling.events
        adds.append(sum(work.adds for work in settling.work.values()))
    raise ValueError(f"graph '{graph.name}' still fires after {most} steps, expected that it settles")

"""``synchronise``: insert ``Expand`` and ``Decode`` so that every neuron sees T steps and nothing else does twice.

Rules: a neuron reads a stepped value (once, if T = 1). Two stepped values never meet in a product: their counts are
decoded over the steps and multiplied once (per-step products cost 10 to 14 mIoU points). Where a once value meets a
stepped one in a sum, it is repeated. Outputs are once.
"""

from __future__ import annotations

from dataclasses import replace

from graph.graph import Graph, Node
from graph.infer import clip_frames
from graph.ops import Add, Concat, Decode, Expand, Firing, Output, Unfold
from graph.values import Clock


class _Clocks:
    def __init__(self, source: Graph, steps: int) -> None:
        self.source = source
        self.out = Graph(steps=steps, name=source.name)
        self.clock: dict[str, Clock] = {}
        self.made: set[str] = set()
        self.frames = clip_frames(source)
        self.like: dict[int, str] = {}  # frames a row -> a once value with such a batch

    def run(self) -> Graph:
        for node in self.source.nodes.values():
            rows = self.frames[node.name] or 1
            args = tuple(self._fit(a, wanted, rows) for a, wanted in zip(node.args, self._wanted(node), strict=True))
            self._add(node.name, replace(node, args=args))
            if self.clock[node.name] == Clock.ONCE:
                self.like.setdefault(rows, node.name)
        self.out.outputs = dict(self.source.outputs)
        return self.out

    def _add(self, name: str, node: Node) -> str:
        self.out(name, node.op, *node.args, weights=node.weights)
        self.clock[name] = node.op.clock(*(self.clock[a] for a in node.args))
        return name

    def _wanted(self, node: Node) -> list[Clock]:
        """The clock each argument must have; STATIC means: as it is."""
        clocks = [self.clock[a] for a in node.args]
        stepped = Clock.STEPPED in clocks
        if isinstance(node.op, Firing) and node.op.site is not None:
            return [Clock.STEPPED if self.out.steps > 1 else Clock.ONCE]
        if isinstance(node.op, Output) or (node.op.product and stepped):
            return [Clock.ONCE] * len(clocks)
        if isinstance(node.op, Concat) or (isinstance(node.op, Add) and stepped):
            return [max(clocks)] * len(clocks)
        if isinstance(node.op, Expand):
            return [Clock.STATIC, *(Clock.ONCE for _ in clocks[1:])]
        if node.op.weighted:
            return [max(c, Clock.ONCE) for c in clocks]
        return [Clock.STATIC] * len(clocks)

    def _fit(self, value: str, wanted: Clock, rows: int) -> str:
        have = self.clock[value]
        if have == wanted or wanted == Clock.STATIC:
            return value
        if have == Clock.STEPPED:
            return self._transition(value, "decoded", Decode(), value)
        if have == Clock.STATIC:
            value = self._transition(
                value, "per_frame" if rows == 1 else "per_clip", Expand(to="once"), value, self._once(rows)
            )
        if wanted == Clock.STEPPED:
            return self._transition(value, "stepped", Expand(to="stepped"), value)
        return value

    def _once(self, rows: int) -> str:
        """A once value of so many frames a row, for its batch; where all clips so far are stepped, frames make one."""
        if rows not in self.like:
            self.like[rows] = self._transition(self.like[1], f"clips_of_{rows}", Unfold(frames=rows), self.like[1])
        return self.like[rows]

    def _transition(self, value: str, suffix: str, op: Expand | Decode | Unfold, *args: str) -> str:
        name = f"{value}_{suffix}"
        if name not in self.made:
            self.out(name, op, *args)
            self.made.add(name)
            self.clock[name] = op.clock(*(self.clock[a] for a in args))
        return name


def synchronise(graph: Graph, steps: int) -> Graph:
    return _Clocks(graph, steps).run()

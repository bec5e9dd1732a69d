"""``with_units``: what a count is worth moves from the site that counts to whoever reads the counts.

A site hands on n, an integer; the value it stands for is unit n. Walking down the graph, a value is a count and a unit:

    layout, and what carries a unit    op(u n) = u op(n)            the unit goes on
    an op that takes units (``Scaled``)  W (u n) = (u W) n          into its weight, its threshold, its product's scale
    Decode                             mean of u n = (u / T) sum n  the unit goes on, and the value is a whole number
    anything else, and an output       reads u n                    a ``Scale`` node: explicit, and counted

``bare`` is the way back. Together they let a pass change the graph without minding units.
"""

from __future__ import annotations

from dataclasses import replace

from graph.graph import Graph, Node, empty_like
from graph.infer import kind_of
from graph.ops import Decode, Expand, Firing, Op, Output, Scale, Scaled
from graph.values import ONE, REAL, Kind, Unit

SUFFIX = "_value"


class _Units:
    def __init__(self, source: Graph) -> None:
        self.source, self.out = source, empty_like(source)
        self.name: dict[str, str] = {}
        self.unit: dict[str, Unit] = {}
        self.kind: dict[str, Kind] = {}

    def run(self) -> Graph:
        for node in self.source.nodes.values():
            op, args, unit = self._placed(node)
            self._add(node.name, op, args, node.weights)
            self.unit[node.name] = unit
        self.out.outputs = dict(self.source.outputs)
        return self.out

    def _add(self, name: str, op: Op, args: tuple[str, ...], weights: str) -> str:
        self.out(name, op, *args, weights=weights)
        self.kind[name] = kind_of(op, [self.kind[a] for a in args], self.source.steps)
        return name

    def _placed(self, node: Node) -> tuple[Op, tuple[str, ...], Unit]:
        """The op as it stands in the result, what it reads there, and the unit of its value."""
        op, args = node.op, node.args
        units = [self.unit[a] for a in args]
        if isinstance(op, Firing) and op.site is not None:
            return replace(op, unit=units[0]), args, op.made_unit
        if all(unit == ONE for unit in units):
            return op, args, ONE
        if isinstance(op, Decode):
            return replace(op, fn="count"), args, units[0] * Unit(1 / self.source.steps)
        carried = {units[0]} if isinstance(op, Expand) else set(units)
        kept = op.moves or kind_of(op, [self.kind[a] for a in args], self.source.steps) != REAL
        if op.carries and kept and len(carried) == 1 and not isinstance(op, Output):
            return op, args, units[0]
        if isinstance(op, Scaled):
            return self._taken(op, args, units)
        return op, tuple(self._value(a) for a in args), ONE

    def _taken(self, op: Scaled, args: tuple[str, ...], units: list[Unit]) -> tuple[Op, tuple[str, ...], Unit]:
        total, names = ONE, []
        for i, (arg, unit) in enumerate(zip(args, units, strict=True)):
            takes = i in (*op.linear_in, *op.events_on)
            total = total * unit if takes else total
            names.append(arg if takes else self._value(arg))
        return replace(op, unit=total), tuple(names), ONE

    def _value(self, name: str) -> str:
        unit = self.unit[name]
        if unit == ONE:
            return name
        scaled = f"{name}{SUFFIX}"
        return scaled if scaled in self.out else self._add(scaled, Scale(unit=unit), (name,), scaled)


def with_units(graph: Graph) -> Graph:
    """``graph`` is bare: its sites stand for values, and no node has a unit."""
    return _Units(graph).run()


def bare(graph: Graph) -> Graph:
    """The same without ``Scale`` nodes and units: every site stands for the value that it stands for."""
    out = empty_like(graph)
    alias: dict[str, str] = {}
    for name, node in graph.nodes.items():
        op = node.op
        if isinstance(op, Scale):
            alias[name] = alias[node.args[0]]
            continue
        if isinstance(op, Scaled):
            op = replace(op, unit=ONE)
        elif isinstance(op, Decode):
            op = replace(op, fn="mean")
        alias[name] = out(name, op, *(alias[a] for a in node.args), weights=node.weights)
    out.outputs = {key: alias[value] for key, value in graph.outputs.items()}
    return out


def counts_of(graph: Graph) -> dict[str, Unit]:
    """Value -> what one of its counts is worth, for every value that is counts or made of counts alone."""
    units: dict[str, Unit] = {}
    for name, node in graph.nodes.items():
        op, before = node.op, [units.get(a) for a in node.args]
        if isinstance(op, Firing) and op.site is not None:
            units[name] = op.made_unit
        elif isinstance(op, Decode) and before[0] is not None:
            units[name] = before[0] * Unit(1 / graph.steps)
        elif op.carries and before and before[0] is not None and (isinstance(op, Expand) or len(set(before)) == 1):
            units[name] = before[0]
    return units

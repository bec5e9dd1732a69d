"""``lower``: it *emits* fx, it never traces; scope by scope.

The printed ``.code`` of a network, and of every scope in it, has one line a node. Every state-dict key is a node's
``weights`` name plus what its module adds.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn

from graph.dialect import Call, Dialect, Place
from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.lower.network import Network, Scope, put
from graph.lower.scopes import SITES, Wiring, ordered, scopes_of
from graph.lower.stateful import Stateful
from graph.ops import Firing, Input, Norm, Output, Scaled
from graph.task import Task
from graph.values import ONE, Clock, Unit


def parts_of(graph: Graph, dialect: Dialect, values: dict[str, Value]) -> dict[str, Any]:
    """Node -> its module, parameter or ``Call``, made in the graph's order; nodes of equal ``weights`` share one."""
    parts: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for node in graph.nodes.values():
        if isinstance(node.op, Input | Output):
            continue
        if node.weights in shared:
            parts[node.name] = shared[node.weights]
            continue
        kinds = tuple(values[a].kind for a in node.args)
        stepped = values[node.name].clock == Clock.STEPPED
        place = Place(kinds=kinds, steps=graph.steps, backend=dialect.backend, stepped=stepped)
        part = dialect.make(node.name, node.op, place)
        parts[node.name] = part
        if not isinstance(part, Call):
            shared[node.weights] = part
    return parts


def lent_norms(graph: Graph, parts: dict[str, Any]) -> dict[str, str]:
    """Site -> the norm in front of it that feeds nothing else: its neurons then read that norm's input."""
    readers, lent = graph.consumers(), {}
    for name, node in graph.nodes.items():
        if not isinstance(node.op, Norm) or not node.op.foldable or len(readers[name]) != 1:
            continue
        (reader,) = readers[name]
        op = graph[reader].op
        site = op.site if isinstance(op, Firing) else None
        if site is None or site.folded or site.norm is not None:
            continue
        assert isinstance(op, Firing)
        if op.gain_shift[1] or op.unit != ONE:
            continue
        if getattr(getattr(parts[reader], "fire", None), "fuses_norm", False):
            parts[reader].lend(parts[name])
            lent[reader] = name
    return lent


class _Emitter:
    def __init__(self, graph: Graph, parts: dict[str, Any], lent: dict[str, str]) -> None:
        self.graph, self.parts = graph, parts
        self.modules = {graph[n].weights: p for n, p in parts.items() if not isinstance(p, Call)}
        args = {n: tuple(v.args) for n, v in graph.nodes.items() if n not in lent.values()}
        args |= {site: tuple(graph[norm].args) for site, norm in lent.items()}
        owner = {n: graph[n].weights for n, p in parts.items() if n in args and not isinstance(p, Call)}
        self.wiring = Wiring(args, owner)
        self.readers: dict[str, set[str]] = {n: set() for n in args}
        for name, read in args.items():
            for arg in read:
                self.readers[arg].add(name)

    def fill(self, scope: Scope, names: list[str], prefix: str) -> None:
        """Emit ``scope``'s code and register what is below it."""
        given = [n for n in names if isinstance(self.graph[n].op, Input)]  # of the whole network, wherever they stand
        inner = scopes_of(self.wiring, [n for n in names if n not in given], prefix)
        order = ordered(self.wiring, names, inner)
        assert order is not None
        inside = _Code(self, prefix)
        if not prefix:
            for name in given:
                inside.env[name] = inside.fx.placeholder(inside.label(name))
        for name in self.read_from_others(names):
            inside.env[name] = inside.fx.placeholder(inside.label(name))
        apart = tuple(f"{s}." for s in inner)  # these register their own; sites stand in the root
        for path in self.modules:
            if path.startswith(prefix) and not path.startswith(apart):
                put(scope, path.removeprefix(prefix), self.modules[path])
        for item in order:
            if item not in inner:
                inside.node(self.graph[item])
                continue
            child = Scope(item.rpartition(".")[2])
            self.fill(child, inner[item], f"{item}.")
            put(scope, item.removeprefix(prefix), child)
            inside.scope(item, inner[item])
        scope.compile(inside.finished(names))

    def made_for_others(self, names: list[str]) -> list[str]:
        members, wanted = set(names), set(self.graph.outputs.values())
        return [n for n in names if n in wanted or self.readers[n] - members]

    def read_from_others(self, names: list[str]) -> list[str]:
        members = set(names)
        return list(dict.fromkeys(a for n in names for a in self.wiring.args[n] if a not in members))


class _Code:
    """The fx graph of one scope."""

    def __init__(self, emitter: _Emitter, prefix: str) -> None:
        self.emitter, self.prefix = emitter, prefix
        self.fx = fx.Graph()
        self.env: dict[str, fx.Node] = {}
        self.units: dict[Unit, fx.Node] = {}

    def label(self, name: str) -> str:
        return name.removeprefix(self.prefix).replace(f"{SITES}{self.prefix}", SITES).replace(".", "_")

    def path(self, weights: str) -> str:
        return weights if weights.startswith(SITES) else weights.removeprefix(self.prefix)

    def node(self, node: Node) -> None:
        if isinstance(node.op, Input):
            return
        args = tuple(self.env[a] for a in self.emitter.wiring.args[node.name])
        self.env[node.name] = args[0] if isinstance(node.op, Output) else self._emit(node, args)

    def _emit(self, node: Node, args: tuple[fx.Node, ...]) -> fx.Node:
        part, label = self.emitter.parts[node.name], self.label(node.name)
        unit = node.op.unit if isinstance(node.op, Scaled) else ONE
        extra = {} if unit == ONE else {"unit": self.unit(unit)}
        if isinstance(part, Call):
            inputs = ([*args],) if part.star else args
            return self.fx.create_node("call_function", part.fn, (*inputs, *part.args), {**part.kwargs, **extra}, label)
        if isinstance(part, nn.Parameter):
            stored = self.fx.create_node("get_attr", self.path(node.weights), name=f"{label}_stored")
            return self.fx.create_node("call_function", torch.unsqueeze, (stored, 0), name=label)
        return self.fx.create_node("call_module", self.path(node.weights), args, {**extra, **node.op.keywords()}, label)

    def unit(self, unit: Unit) -> fx.Node:
        """The number that a unit is: its sites' steps and its factor, multiplied."""
        if unit not in self.units:
            value: Any = unit.factor
            for site in unit.sites:
                step = self.fx.create_node("get_attr", f"{site}.step", name=self.label(f"{site}_step"))
                value = step if value == 1.0 else self.fx.create_node("call_function", operator.mul, (step, value))
            self.units[unit] = value
        return self.units[unit]

    def scope(self, path: str, members: list[str]) -> None:
        """A call of an inner scope; one value, or a tuple of them."""
        args = tuple(self.env[a] for a in self.emitter.read_from_others(members))
        result = self.fx.create_node("call_module", self.path(path), args, {}, self.label(path))
        values = self.emitter.made_for_others(members)
        for i, name in enumerate(values):
            one = result if len(values) == 1 else self.fx.create_node("call_function", operator.getitem, (result, i))
            self.env[name] = one

    def finished(self, names: list[str]) -> fx.Graph:
        graph = self.emitter.graph
        if not self.prefix:
            self.fx.output({name: self.env[value] for name, value in graph.outputs.items()})
        else:
            values = tuple(self.env[n] for n in self.emitter.made_for_others(names))
            self.fx.output(values[0] if len(values) == 1 else values)
        return self.fx


def lower(
    graph: Graph,
    dialect: Dialect,
    outputs: list[str] | None = None,
    *,
    stateful: bool = False,
    task: Task | None = None,
) -> Any:
    """A ``Network``: ``forward(**inputs)`` returns ``{output name: tensor}``. ``stateful``: a ``Stateful``, which is
    called once a time step with its state handed in and out."""
    wanted = graph.pruned(outputs)
    values = infer(wanted)  # clocks and kinds must be consistent before anything is built
    parts = parts_of(wanted, dialect, values)
    lent = lent_norms(wanted, parts)
    network = Network(wanted, dialect, parts, lent, task or Task())
    emitter = _Emitter(wanted, parts, lent)
    emitter.fill(network, list(emitter.wiring.args), "")
    network.share_sites()
    return Stateful(network) if stateful else network

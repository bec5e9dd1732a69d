"""``Graph``: names -> nodes in topological order, built one readable line at a time.

>>> g = Graph()
>>> x = g("image", Input(dims=(3, 64, 64)))
>>> with g.scope("stem"):
...     x = g("conv", Conv(cin=3, cout=16, kernel=(3, 3), padding=1), x)   # named "stem.conv"
>>> g.output("mask", x)
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from graph.ops import Input, Op, Output, Param
from graph.values import Shape

# Attributes of nn.Module, Network and Scope that a child of that name would hide.
RESERVED = frozenset(
    """
    T_destination add_module apply arguments bfloat16 buffers call_super_init calls children code compile compute counts
    cpu cuda device dialect double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule graph half ipu kernels lent load load_state_dict modules mtia name named_buffers named_children
    named_modules named_parameters parameters part predict prepared register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ run save set_extra_state set_submodule
    share_memory share_sites state_dict stream task to to_empty train training type unit xpu zero_grad
    """.split()  # noqa: SIM905 - a list of eighty quoted words reads worse
)


@dataclass(frozen=True)
class Node:
    """One value. Nodes with equal ``weights`` share one module; ``weights`` defaults to the node's own name."""

    name: str
    op: Op
    args: tuple[str, ...]
    shape: Shape
    weights: str

    def renamed(self, name: str) -> Node:
        return replace(self, name=name, weights=name if self.weights == self.name else self.weights)


@dataclass
class Graph(Mapping[str, Node]):
    steps: int = 1
    name: str = "graph"
    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    _prefix: str = field(default="", repr=False, compare=False)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        outer, self._prefix = self._prefix, f"{self._prefix}{name}."
        try:
            yield
        finally:
            self._prefix = outer

    def __call__(self, name: str, op: Op, *args: str, weights: str | None = None) -> str:
        """Add a node; its shape is inferred here, so a misfit is an error at the line that wrote it."""
        full = f"{self._prefix}{name}"
        self._check(full, op, args)
        shared = full if weights is None else weights
        twins = [n for n in self.nodes.values() if n.weights == shared]
        if twins and twins[0].op != op:
            raise ValueError(f"node '{full}' shares weights '{shared}' with '{twins[0].name}' but has a different op")
        try:
            shape = op.shape(*(self.nodes[a].shape for a in args))
        except ValueError as error:
            raise ValueError(f"node '{full}': {error}") from error
        self.nodes[full] = Node(full, op, args, shape, shared)
        return full

    def output(self, name: str, value: str, *, training: bool = False) -> None:
        """Name a result of the graph; a ``training`` result is dropped when it is not asked for."""
        with self.root():
            self.outputs[name] = self(f"out_{name}", Output(training=training), value)

    def training_outputs(self, named: Mapping[str, str]) -> None:
        for name, value in named.items():
            self.output(name, value, training=True)

    @contextmanager
    def root(self) -> Iterator[None]:
        """Names without a prefix, whatever scope this is called in."""
        outer, self._prefix = self._prefix, ""
        try:
            yield
        finally:
            self._prefix = outer

    def _check(self, name: str, op: Op, args: tuple[str, ...]) -> None:
        if name in self.nodes:
            raise ValueError(f"node name '{name}' is taken")
        for part in name.split("."):
            if keyword.iskeyword(part) or part in RESERVED or part.startswith("_"):
                raise ValueError(f"node name '{name}' uses '{part}', which a module already means something by")
            if not part.replace("_", "a").isalnum():
                raise ValueError(f"node name '{name}' must be dotted identifiers or numbers")
        parts = name.split(".")
        if "sites" in parts[1:]:
            raise ValueError(f"node name '{name}' has 'sites' inside, expected it at the beginning alone")
        for depth in range(1, len(parts)):
            parent = self.nodes.get(".".join(parts[:depth]))
            if parent is not None and isinstance(parent.op, Param):
                raise ValueError(f"node name '{name}' would be a child of the parameter '{parent.name}'")
        site = getattr(op, "site", None)
        if site is not None and site.name != name:
            raise ValueError(f"node '{name}': its site is named '{site.name}', expected the node's own name")
        if op.arity is not None and len(args) != op.arity:
            raise ValueError(f"node '{name}': {type(op).__name__} takes {op.arity} inputs, found {len(args)}")
        for arg in args:
            if arg not in self.nodes:
                raise ValueError(f"node '{name}' reads '{arg}', which is not defined before it")

    def consumers(self) -> dict[str, list[str]]:
        """For each value, the names of the nodes that read it, in order."""
        readers: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for arg in node.args:
                readers[arg].append(node.name)
        return readers

    def inputs(self, node: Node) -> tuple[Shape, ...]:
        return tuple(self.nodes[a].shape for a in node.args)

    def macs(self, node: Node) -> int:
        return node.op.macs(node.shape, *self.inputs(node))

    def pruned(self, outputs: list[str] | None = None) -> Graph:
        """The part of the graph that the named outputs (default: all) depend on. Inputs stay: the interface."""
        kept = dict(self.outputs) if outputs is None else {o: self.outputs[o] for o in outputs}
        alive, queue = set(kept.values()), list(kept.values())
        while queue:
            for arg in self.nodes[queue.pop()].args:
                if arg not in alive:
                    alive.add(arg)
                    queue.append(arg)
        nodes = {n: v for n, v in self.nodes.items() if n in alive or isinstance(v.op, Input)}
        return Graph(steps=self.steps, name=self.name, nodes=nodes, outputs=kept)

    def parameters(self) -> int:
        return sum(n.op.parameters() for n in {n.weights: n for n in self.nodes.values()}.values())

    def __str__(self) -> str:
        from graph.show import table

        return table(self)


def empty_like(graph: Graph) -> Graph:
    return Graph(steps=graph.steps, name=graph.name)

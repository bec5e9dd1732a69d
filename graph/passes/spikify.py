"""``spikify``: give every weighted op a spiking input, except the input layers and what is listed as analog.

One site per value, hoisted above the layout ops between it and its readers, shared by all readers that need it. A real
reader (residual Add, Norm) keeps the real value. An ``Act`` becomes its own site; a value without one (a norm's output,
a residual stream) gets an identity site, signed. ``Gate`` becomes a neuron; ``Score`` becomes a count of spikes
(``count``), or vanishes and Q (K^T V) is computed instead (``linear``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from math import log2
from typing import Literal

from common.choices import check_choices
from common.words import not_among
from graph.graph import Graph, empty_like
from graph.neuron import Neuron
from graph.ops import (
    Act,
    Conv,
    DeformSample,
    Drop,
    Expand,
    Firing,
    Gate,
    Input,
    Linear,
    MatMul,
    Norm,
    Op,
    Score,
    Site,
    View,
)
from graph.passes.clocks import synchronise
from graph.passes.units import with_units

PREFIX = "sites."


@dataclass(frozen=True, kw_only=True)
class SpikeSpec:
    """``neuron`` of every site, but for those whose value's name begins with a prefix in ``neurons``; ``steps`` T;
    ``norm``: batch norm in front of identity sites ("batch" or
    "none"); ``residual``: "real" keeps an Act that feeds a residual real on that edge, "spike" does not; ``score``:
    "count" or "linear"; ``signed``: identity sites may fire negative counts; ``analog``: weighted ops that stay real.
    """

    neuron: Neuron = field(default_factory=Neuron)
    neurons: tuple[tuple[str, Neuron], ...] = ()
    steps: int = 1
    norm: Literal["none", "batch"] = "none"
    residual: Literal["real", "spike"] = "real"
    score: Literal["count", "linear"] = "count"
    signed: bool = True
    analog: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choices(self, "spikes")
        if self.steps < 1:
            raise ValueError(f"neuron.steps is {self.steps}, expected at least 1")

    def neuron_at(self, value: str) -> Neuron:
        """The neuron of the longest prefix that fits."""
        fitting = [(prefix, neuron) for prefix, neuron in self.neurons if f"{value}.".startswith(f"{prefix}.")]
        return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else self.neuron


def _power_of_two(step: float) -> float:
    return 2.0 ** round(log2(step))


class _Rewrite:
    def __init__(self, source: Graph, spec: SpikeSpec) -> None:
        self.source, self.spec = source, spec
        self.out = empty_like(source)
        self.spiking: dict[str, str] = {}  # value of the source -> name of its spiking version in the result
        self.real: dict[str, str] = {}

    def run(self) -> Graph:
        for name, node in self.source.nodes.items():
            self.real[name] = self._node(name, node.op, node.args)
        self.out.outputs = {k: self.real[v] for k, v in self.source.outputs.items()}
        return self.out.pruned()

    def _node(self, name: str, op: Op, args: tuple[str, ...]) -> str:
        if isinstance(op, Gate):
            return self._fire(name, op, args[0], signed=False, step=1.0 / self.spec.neuron_at(name).levels)
        if isinstance(op, Score):
            return self._fire(
                name, self._counting(name, op), args[0], signed=False, step=_power_of_two(self._step(name, op.ceiling))
            )
        if isinstance(op, Act) and self.spec.residual == "spike":
            return self._spike(name)
        if (
            isinstance(op, MatMul)
            and self.spec.score == "linear"
            and (linear := self._linear_attention(name, op, args))
        ):
            return linear
        wanted = () if name in self.spec.analog or self._input_layer(op, args) else op.events_on
        names = [
            self._spike(a) if i in wanted and not self._chained(op, a) else self.real[a] for i, a in enumerate(args)
        ]
        return self.out(name, op, *names, weights=self.source[name].weights)

    def _chained(self, op: Op, arg: str) -> bool:
        """The integer product K^T V that a second product reads: stored, and read by the other operand's spikes."""
        return isinstance(op, MatMul) and isinstance(self.source[arg].op, MatMul)

    def _input_layer(self, op: Op, args: tuple[str, ...]) -> bool:
        """A Conv or Linear that reads an Input through layout ops and fixed affine norms (CED's) alone."""
        if not op.weighted:
            return False
        value = self.source[args[0]]
        while value.op.hoists or (isinstance(value.op, Norm) and value.op.foldable):
            value = self.source[value.args[0]]
        return isinstance(value.op, Input)

    def _spike(self, value: str) -> str:
        """The spiking version of a source value, made on first request."""
        if value in self.spiking:
            return self.spiking[value]
        node = self.source[value]
        op = node.op
        if isinstance(op, Gate | Score):
            made = self.real[value]
        elif op.hoists:
            inner = self._spike(node.args[0])
            twin = self.real.get(value)
            made = twin if twin and self.out[twin].args == (inner,) else self.out(f"{PREFIX}{value}", op, inner)
        elif isinstance(op, Act):
            made = self._fire(value, op, node.args[0], signed=op.fn != "relu", step=self._step(value, op.ceiling))
        else:
            made = self._identity(value)
        self.spiking[value] = made
        return made

    def _step(self, value: str, ceiling: float) -> float:
        """The value of one count: D counts reach the ceiling. One binary spike counts as one."""
        levels = self.spec.neuron_at(value).levels
        return ceiling / levels if ceiling and levels > 1 else 1.0

    def _counting(self, value: str, op: Score) -> Score:
        """A softmax becomes counts under a fixed power of two in place of its row sum."""
        if op.fn != "softmax":
            return op
        return replace(op, scale=2.0 ** -round(log2(self.source[value].shape[-1])))

    def _identity(self, value: str) -> str:
        """A site on a value that has no activation of its own. Signed, because what it stands for is signed."""
        axis = self._channel_axis(value)
        act = Act(fn="identity", axis=axis)
        channels = self.source[value].shape[axis]
        norm = Norm(channels=channels, axis=axis) if self.spec.norm == "batch" else None
        return self._fire(value, act, value, signed=True, step=1.0, norm=norm)

    def _channel_axis(self, value: str) -> int:
        return 0 if len(self.source[value].shape) == 3 and isinstance(self._maker(value), Conv | Norm) else -1

    def _maker(self, value: str) -> Op | None:
        """The nearest op above that fixes a channel axis; a [C, H, W] map if it is a convolution's or its norm's."""
        node = self.source[value]
        while node.args and not isinstance(node.op, Conv | Linear | Norm | MatMul | DeformSample | View):
            node = self.source[node.args[0]]
        if isinstance(node.op, Norm):
            return node.op if node.op.axis == 0 else None
        return node.op if isinstance(node.op, Conv) else None

    def _fire(self, value: str, op: Firing, arg: str, *, signed: bool, step: float, norm: Norm | None = None) -> str:
        name = f"{PREFIX}{value}"
        axis = getattr(op, "axis", -1)
        site = Site(
            name=name,
            neuron=self.spec.neuron_at(value),
            signed=signed and self.spec.signed,
            norm=norm,
            step=step,
            learn=not isinstance(op, Gate | Score),
            channels=self.source[value].shape[axis],
            axis=axis,
        )
        return self.out(name, replace(op, site=site), self.real[arg])

    def _linear_attention(self, name: str, op: MatMul, args: tuple[str, ...]) -> str | None:
        """softmax(Q K^T) V -> 2**-k Q (K^T V): the product of spikes re-associated, no attention map at all."""
        score = self.source[args[0]]
        while isinstance(score.op, Drop):
            score = self.source[score.args[0]]
        first = self.source[score.args[0]] if isinstance(score.op, Score) else None
        if first is None or not isinstance(first.op, MatMul):
            return None
        query, key, value = self._spike(first.args[0]), self._spike(first.args[1]), self._spike(args[1])
        keys = op.inner
        states = self.out(f"{PREFIX}{name}_states", MatMul(inner=keys), key, value)
        scale = 2.0 ** -round(log2(keys))
        return self.out(name, MatMul(inner=first.op.inner, scale=scale), query, states)


def _fix_product_steps(graph: Graph) -> Graph:
    """A spike that meets another in a product keeps a power-of-two step: no weight stands behind it to absorb a learnt
    one. ``learn`` stays only where every reader is a Conv or a Linear with weights of its own."""
    readers = graph.consumers()
    users = Counter(n.weights for n in graph.nodes.values())

    def only_weighted(name: str) -> bool:
        for reader in readers[name]:
            op = graph[reader].op
            if op.weighted:
                if users[graph[reader].weights] > 1:
                    return False
            elif not (op.hoists or isinstance(op, Expand)) or not only_weighted(reader):
                return False
        return True

    for name, node in graph.nodes.items():
        op = node.op
        if isinstance(op, Firing) and op.site is not None and op.site.learn and not only_weighted(name):
            site = replace(op.site, learn=False, step=_power_of_two(op.site.step))
            graph.nodes[name] = replace(node, op=replace(op, site=site))
    return graph


def spikify(graph: Graph, spec: SpikeSpec | None = None) -> Graph:
    spec = spec or SpikeSpec()
    for name in spec.analog:
        if name not in graph:
            raise ValueError(not_among("spikes.analog", name, graph))
    rewritten = _fix_product_steps(_Rewrite(graph, spec).run())
    return with_units(synchronise(rewritten, spec.steps))

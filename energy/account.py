"""``account``: walk a lowered network over batches and add up what every node did.

Works for real-valued, quantised and spiking modules alike. A sample is a clip of ``frames`` frames; all
counts are per frame. Every node must have a counter, so coverage is 100 % or there is no account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, lcm, log2

import numpy as np
from torch import Tensor

from energy.columns import Counts, joined
from energy.counters import count, counter
from energy.observe import Run, Seen, observe
from energy.tallies import Tallies
from graph.graph import Graph
from graph.infer import infer
from graph.lower import Network
from graph.ops import Unfold
from graph.passes import lint
from graph.values import Clock, Integer, Spike, counts_site, magnitude

FRONT_END = "log-mel front end"


def width(levels: int, signed: bool = False) -> int:
    """Bits of a count in [0, levels], or [-levels, levels]."""
    return ceil(log2(levels + 1)) + signed


@dataclass(frozen=True, kw_only=True)
class Row:
    """One node. ``counts`` are per frame, [S] over samples. ``reads`` is the kind of its first input;
    ``levels`` and ``signed`` say what one count of its driver can be, ``horizon`` over how many steps such
    counts add up, ``imac_bits`` how wide the integer in its integer MACs is, ``message_bits`` how wide the message
    of one event. ``weights``: whose weights it uses; several nodes may share them."""

    name: str
    op: str
    reads: str
    counts: Counts
    steps: int = 1
    multiplies: bool = False
    spiking: bool = False
    levels: int = 255
    signed: bool = False
    horizon: int = 1
    imac_bits: int = 8
    message_bits: int = 16
    weights: str = ""

    @property
    def count_bits(self) -> int:
        """Width of one driving count, in one step; of all steps at once where it was decoded."""
        return width(self.levels * (self.horizon // self.steps), self.signed)

    @property
    def total_bits(self) -> int:
        """Width of a driving count summed over all steps: of the quantised network's activation."""
        return width(self.levels * self.horizon, self.signed)

    @property
    def rate(self) -> float:
        """Mean |count| of the driving input, summed over the steps."""
        return self.counts.sum("events") / max(self.counts.sum("elements"), 1e-30)

    @property
    def macs(self) -> float:
        return float(np.mean(self.counts.macs))


@dataclass(frozen=True, kw_only=True)
class Account:
    name: str
    rows: tuple[Row, ...]
    samples: int
    steps: int
    spike_fed_share: float
    coverage: float

    @property
    def totals(self) -> Counts:
        """Per frame, [S] over samples."""
        return sum((r.counts for r in self.rows), Counts())

    def mean(self) -> Account:
        """As if its mean frame were its one sample: prices are linear, so means cost what they cost on average."""
        return replace(self, rows=tuple(replace(r, counts=r.counts.mean()) for r in self.rows), samples=1)

    @property
    def macs(self) -> float:
        """Dense MACs of a frame, every step counted once."""
        return sum(r.macs for r in self.rows)

    @property
    def stored_B(self) -> float:
        """Bytes of all weights as fp32 words, each once."""
        largest: dict[str, float] = {}
        for r in self.rows:
            key = r.weights or r.name
            largest[key] = max(largest.get(key, 0.0), float(np.mean(r.counts.weight_B)))
        return sum(largest.values())

    @property
    def layers(self) -> list[Row]:
        """Rows that multiply: weighted ops and products."""
        return [r for r in self.rows if r.multiplies]

    def interval(self, column: str) -> tuple[float, float]:
        """Mean of a column and the half-width of its 95 % interval over samples."""
        return mean_interval(np.asarray(getattr(self.totals, column), dtype=float))


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Mean and 1.96 standard errors; the width is 0 where there is but one sample."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), 1.96 * spread / len(values) ** 0.5


def covered(graph: Graph) -> float:
    """Raises on the first node without a counter, before anything runs."""
    return sum(counter(n.name, n.op) is not None for n in graph.nodes.values()) / max(len(graph), 1)


def _driver(run: Run, name: str) -> Spike | None:
    """The spikes that drive a node: those of its first spiking operand."""
    node = run.graph[name]
    operands = node.op.events_on or range(len(node.args[:1]))
    spikes = (counts_site(run.values[run.stored(node.args[i])].kind) for i in operands)
    return next((spike for spike in spikes if spike is not None), None)


def _row(run: Run, name: str, counts: Counts) -> Row:
    node, steps = run.graph[name], run.graph.steps
    driver, multiplies = _driver(run, name), bool(node.op.events_on)
    read = [run.values[run.stored(a)].kind for a in node.args]
    kinds = [read[i] for i in node.op.events_on]
    events = (Spike,) if node.op.weighted else (Spike, Integer)
    first = magnitude(read[0]) if read else None
    return Row(
        name=name,
        op=type(node.op).__name__,
        reads=str(read[0]) if read else "-",
        counts=counts,
        steps=steps if run.values[name].clock == Clock.STEPPED else 1,
        multiplies=multiplies,
        spiking=multiplies and driver is not None and all(isinstance(k, events) for k in kinds),
        levels=driver.levels if driver else 255,
        signed=driver.signed if driver else False,
        horizon=steps if driver else 1,
        imac_bits=8 if first is None else width(first, driver.signed if driver else True),
        weights=node.weights,
    )


def account(
    network: Network,
    batches: Iterable[Mapping[str, Tensor]],
    *,
    frames: int = 1,
    front_end: Counts | None = None,
    name: str = "",
    judge: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], None] | None = None,
) -> Account:
    """Count ``network`` over ``batches`` of inputs by name. ``front_end``: a fixed cost per frame, charged
    as its own row. ``judge`` is shown each batch and what the counted network made of it."""
    graph = network.graph
    coverage = covered(graph)
    clip = lcm(frames, *(n.op.frames for n in graph.nodes.values() if isinstance(n.op, Unfold)))
    parts: dict[str, list[tuple[Counts, int]]] = {n: [] for n in graph.nodes}
    samples = 0
    for batch in batches:
        counted: dict[str, Counts] = {}

        def see(node: Seen, counted: dict[str, Counts] = counted) -> None:
            counted[node.node.name] = count(node)

        size, outputs = observe(network, batch, see, frames=clip)
        if judge is not None:
            judge(batch, outputs)
        for node in graph.nodes:
            parts[node].append((counted.get(node, Counts()), size))
        samples += size
    if not samples:
        raise ValueError("an account needs at least one batch, found none")
    return assembled(network, parts, samples, per_frame=1 / clip, coverage=coverage, front_end=front_end, name=name)


def assembled(
    network: Network,
    parts: Mapping[str, Sequence[tuple[Counts, int]]],
    samples: int,
    *,
    coverage: float,
    per_frame: float = 1,
    front_end: Counts | None = None,
    name: str = "",
) -> Account:
    """From what every node did in each batch, and of how many samples. ``per_frame``: a frame's share of that."""
    graph = network.graph
    run = Run(network=network, graph=graph, values=infer(graph), samples=samples, tallies=Tallies(network))
    rows = [_row(run, n, joined(p).scaled(per_frame)) for n, p in parts.items()]
    if front_end is not None:
        rows.insert(0, Row(name=FRONT_END, op="FrontEnd", reads="real", counts=front_end.per_sample(samples)))
    return Account(
        name=name or graph.name,
        rows=tuple(rows),
        samples=samples,
        steps=graph.steps,
        spike_fed_share=lint(graph).spike_fed_share,
        coverage=coverage,
    )

"""``stream_account``: what a network costs a frame on films, where it computes only what changes between frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from energy.account import Account, Row, assembled, covered
from energy.columns import Counts
from energy.observe import Seen, observe
from energy.stream.change import Change, a_frame_ago
from energy.stream.rules import forgetful, rule
from graph.infer import infer, window
from graph.lower import Network
from graph.values import Clock

Film = Iterable[Mapping[str, Tensor]]  # of frames in order, some in a batch


class Memory:
    """The last row of every value, between the batches of a film."""

    def __init__(self) -> None:
        self.last: dict[str, Tensor] = {}

    def before(self, seen: Seen, name: str, now: Tensor) -> Tensor:
        if seen.run.values[name].clock == Clock.STATIC:
            return now
        rows = len(now) // seen.run.samples
        return a_frame_ago(now, rows, self.last.get(name))


def changes(network: Network, film: Film, framewise: bool = False) -> Iterable[tuple[dict[str, Counts], int]]:
    """Of each batch of a film: node -> its counts [S], and how many frames."""
    memory, fresh, values = Memory(), True, infer(network.graph)
    for batch in film:
        counted: dict[str, Counts] = {}
        kept: dict[str, Tensor] = {n: batch[n] for n in values if n in batch}

        def see(
            seen: Seen, counted: dict[str, Counts] = counted, kept: dict[str, Tensor] = kept, fresh: bool = fresh
        ) -> None:
            name = seen.node.name
            kept[name] = seen.output[-(len(seen.output) // seen.run.samples) :]
            if seen.run.values[name].clock == Clock.STATIC:
                return
            before = tuple(memory.before(seen, a, x) for a, x in zip(seen.node.args, seen.inputs, strict=True))
            change = Change(seen=seen, before=before, output_before=memory.before(seen, name, seen.output), fresh=fresh)
            counted[name] = forgetful(seen.op, change) if framewise else rule(seen.op, change)

        frames, _ = observe(network, batch, see)
        yield counted, frames
        memory.last = {name: x if len(x) == 1 else x[-1:] for name, x in kept.items()}
        fresh = False


def stream_account(
    network: Network,
    films: Iterable[Film],
    *,
    front_end: Counts | None = None,
    name: str = "",
    framewise: bool = False,
) -> Account:
    """As `energy.account`, a frame a sample. A film's first frame is among them: it costs what a frame costs.

    ``framewise``: every layer computes a frame whole, and sites send changes all the same (`energy.stream.choice`)."""
    graph = network.graph
    if window(graph) > 1:
        raise ValueError(f"'{graph.name}' looks at {window(graph)} frames at once; a stream is counted frame by frame")
    coverage, samples = covered(graph), 0
    parts: dict[str, list[tuple[Counts, int]]] = {n: [] for n in graph.nodes}
    with torch.no_grad():
        for film in films:
            for counted, frames in changes(network, film, framewise):
                for node in graph.nodes:
                    parts[node].append((counted.get(node, Counts()), frames))
                samples += frames
    if not samples:
        raise ValueError("an account needs at least one film, found none")
    whole = assembled(network, parts, samples, coverage=coverage, front_end=front_end, name=name)
    return replace(whole, rows=tuple(map(signed, whole.rows)))


def signed(row: Row) -> Row:
    """What drives it are differences: in [-D, D], or in [-2 D, 2 D]."""
    return replace(row, signed=True, levels=row.levels * (1 + row.signed)) if row.spiking else row

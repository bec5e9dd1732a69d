"""Is the network that runs on events the quantised ANN? Bit by bit, on given frames, with the two controls.

Deleting one event must change the logits and permuting the events of a step must not; else the comparison would be of
something that does not depend on the events at all. Not every event matters (a weight of zero, a mask that is decided):
some are tried, of the last sites, before it is said that none does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from convert.export import read
from convert.levels import sites_of
from convert.snap import headroom
from events import EventRunner, Events, permuted, without
from events.runner import Edit
from graph.infer import window
from graph.lower import Network
from graph.ops import Array

TRIES, LAST_SITES = 8, 4


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """``adds`` per frame; ``headroom`` < 1 means that no sum can leave the exact range of fp32."""

    exact: bool
    frames: int
    max_abs_difference: float
    adds: tuple[int, ...]
    deletion_changes: bool
    permutation_keeps: bool
    headroom: float
    seconds_per_frame: float


def rows_of(batch: dict[str, Tensor], rows: slice) -> dict[str, Array]:
    return {k: v[rows].numpy() for k, v in batch.items() if k in ("image", "logmel")}


def same_bits(a: Array, b: Array) -> bool:
    """-0 is 0."""
    return np.array_equal((a + 0.0).view(np.int32), (b + 0.0).view(np.int32))


def _shuffling(random: np.random.Generator) -> Edit:
    return lambda name, events: permuted(events, random)


def _deleting(target: str, random: np.random.Generator) -> Edit:
    def edit(name: str, events: Events) -> Events:
        if name != target or not events.address.size:
            return events
        return without(events, int(random.integers(events.address.size)))

    return edit


@torch.no_grad()
def check(reference: Network, folder: Path, batch: dict[str, Tensor], seed: int = 0) -> Exactness:
    """``reference``: the folded, snapped quantised ANN in torch. ``folder``: the exported network, read from disk."""
    graph, arrays = read(folder)
    random = np.random.default_rng(seed)
    reference.eval()
    inputs = [n for n in ("image", "logmel") if n in batch]
    expected = reference(**{k: batch[k] for k in inputs})["mask"].numpy()
    runner = EventRunner(graph, arrays)
    adds, differences, seconds, same = [], [], [], True
    clip = window(graph)  # frames that the network looks at in a row
    for start in range(0, len(expected), clip):
        rows = slice(start, start + clip)
        began = time.perf_counter()
        mask, wanted = runner.run(rows_of(batch, rows))["mask"], expected[rows]
        seconds.append((time.perf_counter() - began) / clip)
        adds.append(sum(runner.adds.values()) // clip)
        differences.append(float(np.abs(mask - wanted).max()))
        same &= same_bits(mask, wanted)
    first, last = rows_of(batch, slice(0, clip)), list(sites_of(graph))[-LAST_SITES:]
    sites = (last[-1 - number % len(last)] for number in range(TRIES))
    less = (EventRunner(graph, arrays, _deleting(site, random)).run(first)["mask"] for site in sites)
    deletion = any(not np.array_equal(mask, expected[:clip]) for mask in less)
    shuffled = EventRunner(graph, arrays, _shuffling(random)).run(first)["mask"]
    room = max(headroom(reference, {k: batch[k] for k in inputs}).values())
    permutation = np.array_equal(shuffled, expected[:clip])
    return Exactness(
        exact=same and deletion and permutation and room < 1,
        frames=len(expected),
        max_abs_difference=max(differences),
        adds=tuple(adds),
        deletion_changes=deletion,
        permutation_keeps=permutation,
        headroom=room,
        seconds_per_frame=sum(seconds) / len(seconds),
    )

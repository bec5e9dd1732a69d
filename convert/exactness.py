"""Is the network that runs on events the quantised ANN? Bit by bit, on given frames, with the two controls.

Deleting one event must change the logits and permuting the events of a step must not; else the comparison would be of
something that does not depend on the events at all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, fx

from convert.event_ops import Array
from convert.events import Edit, EventRunner, Events, permuted, without
from convert.export import read
from convert.snap import headroom


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


def _frame(batch: dict[str, Tensor], i: int) -> dict[str, Array]:
    return {k: v[i].numpy() for k, v in batch.items() if k in ("image", "logmel")}


def _shuffling(random: np.random.Generator) -> Edit:
    return lambda name, events: permuted(events, random)


def _deleting(target: str, random: np.random.Generator) -> Edit:
    def edit(name: str, events: Events) -> Events:
        if name != target or not events.address.size:
            return events
        return without(events, int(random.integers(events.address.size)))

    return edit


@torch.no_grad()
def check(reference: fx.GraphModule, folder: Path, batch: dict[str, Tensor], seed: int = 0) -> Exactness:
    """``reference``: the folded, snapped quantised ANN in torch. ``folder``: the exported network, read from disk."""
    graph, arrays = read(folder)
    random = np.random.default_rng(seed)
    reference.eval()
    inputs = [n for n in ("image", "logmel") if n in batch]
    expected = reference(**{k: batch[k] for k in inputs})["mask"].numpy()
    runner = EventRunner(graph, arrays)
    adds, differences, seconds, same = [], [], [], True
    for i in range(len(expected)):
        start = time.perf_counter()
        found = runner.run(_frame(batch, i))["mask"]
        seconds.append(time.perf_counter() - start)
        adds.append(sum(runner.adds.values()))
        differences.append(float(np.abs(found - expected[i]).max()))
        same &= np.array_equal((found + 0.0).view(np.int32), (expected[i] + 0.0).view(np.int32))  # -0 is 0
    last = [n for n, v in graph.nodes.items() if getattr(v.op, "site", None) is not None][-1]
    deleted = EventRunner(graph, arrays, _deleting(last, random)).run(_frame(batch, 0))["mask"]
    shuffled = EventRunner(graph, arrays, _shuffling(random)).run(_frame(batch, 0))["mask"]
    room = max(headroom(reference, {k: batch[k] for k in inputs}).values())
    deletion, permutation = not np.array_equal(deleted, expected[0]), np.array_equal(shuffled, expected[0])
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

"""``Events``: a spiking value as a list of (address, step, +1 or -1). A count of n is n events, in steps 0 to n - 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graph.ops import Array


@dataclass(frozen=True)
class Events:
    """Of a value of ``shape`` [rows, ...]. ``address``: flat index in it; all in order of ``step``. ``sign``: +1 or
    -1; of a graded event, its amount."""

    shape: tuple[int, ...]
    address: Array
    step: Array
    sign: Array

    def decoded(self) -> Array:
        """Barrier: the counts."""
        counts = np.zeros(int(np.prod(self.shape)), np.float32)
        np.add.at(counts, self.address, self.sign)
        return counts.reshape(self.shape)

    def moved(self, source: Array) -> Events:
        """The same events where a layout op puts them: ``source`` holds, for each new address, the old one plus one, or
        zero where nothing goes. The events of a copied neuron are copied."""
        order = np.argsort(source, axis=None, kind="stable")
        ranked = source.reshape(-1)[order] - 1
        first, last = np.searchsorted(ranked, self.address, "left"), np.searchsorted(ranked, self.address, "right")
        copies = last - first
        offset = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        target = order[np.repeat(first, copies) + offset]
        return Events(source.shape, target, np.repeat(self.step, copies), np.repeat(self.sign, copies))


def fired(counts: Array) -> Events:
    """Whole counts as events, one a unit and step."""
    flat = counts.reshape(-1)
    steps, addresses = [], []
    for level in range(int(np.abs(flat).max(initial=0))):
        hit = np.flatnonzero(np.abs(flat) > level)
        addresses.append(hit)
        steps.append(np.full(hit.size, level))
    address = np.concatenate(addresses) if addresses else np.zeros(0, np.int64)
    step = np.concatenate(steps) if steps else np.zeros(0, np.int64)
    return Events(counts.shape, address, step, np.sign(flat[address]).astype(np.float32))


def graded(change: Array) -> Events:
    """One event for each element that is not zero, with its amount."""
    flat = change.reshape(-1)
    address = np.flatnonzero(flat)
    return Events(change.shape, address, np.zeros(address.size, np.int64), flat[address])


def joined(parts: list[Events]) -> Events:
    """The events of several values of one site, one value after the other in memory; in order of step."""
    starts = np.cumsum([0, *(int(np.prod(p.shape)) for p in parts)])
    address = np.concatenate([p.address + s for p, s in zip(parts, starts, strict=False)])
    step, sign = np.concatenate([p.step for p in parts]), np.concatenate([p.sign for p in parts])
    order = np.argsort(step, kind="stable")
    return Events((int(starts[-1]),), address[order], step[order], sign[order])


def without(events: Events, index: int) -> Events:
    """One event deleted."""
    keep = np.arange(events.address.size) != index
    return replace(events, address=events.address[keep], step=events.step[keep], sign=events.sign[keep])


def permuted(events: Events, random: np.random.Generator) -> Events:
    """The events of each step in another order."""
    order = np.lexsort((random.random(events.address.size), events.step))
    return replace(events, address=events.address[order], step=events.step[order], sign=events.sign[order])

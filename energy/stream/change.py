"""``Change``: one node as it was executed on the frames of a film, beside what its inputs were a frame ago.

Rows of the batch are frames, in order; a film's first frame has no last one: everything is new there, and counts change
from zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from energy.columns import Counts, Number
from energy.observe import Seen
from graph.ops import Array
from graph.values import Clock, Kind


def a_frame_ago(x: Tensor, rows: int, first: Tensor | None) -> Tensor:
    """``rows`` of a frame earlier; before the first frame ``first``, or zeros."""
    start = torch.zeros_like(x[:rows]) if first is None else first
    return torch.cat([start, x[:-rows]])


@dataclass(frozen=True, kw_only=True)
class Change:
    """``before``, ``output_before``: a frame ago (what is static as it is); ``fresh``: the first row begins a film."""

    seen: Seen
    before: tuple[Tensor, ...]
    output_before: Tensor
    fresh: bool

    @property
    def samples(self) -> int:
        return self.seen.run.samples

    def difference(self, index: int) -> Tensor:
        now = self.seen.inputs[index]
        return now - self.before[index].to(now.dtype)

    def kind(self, index: int) -> Kind:
        return self.seen.run.values[self.seen.node.args[index]].kind

    @cached_property
    def differs(self) -> tuple[Array, ...]:
        """[rows, ...] bool of each input; all of a film's first frame."""
        masks = []
        for name, now, before in zip(self.seen.node.args, self.seen.inputs, self.before, strict=True):
            mask = (now != before).cpu().numpy()
            if self.fresh and self.seen.run.values[name].clock != Clock.STATIC:
                mask[: len(mask) // self.samples] = True
            masks.append(mask)
        return tuple(masks)

    def reached(self, masks: tuple[Array, ...]) -> Array:
        """Elements of its value that can differ, where these of its inputs do: [rows, ...] bool."""
        inputs = tuple(x.cpu().numpy() for x in self.seen.inputs)
        return np.broadcast_to(self.seen.op.touched(masks, inputs), tuple(self.seen.output.shape))

    @cached_property
    def touched(self) -> Array:
        reached = self.reached(self.differs)
        if not self.fresh:
            return reached
        reached = reached.copy()
        reached[: len(reached) // self.samples] = True
        return reached

    def of_sample(self, mask: Array) -> Array:
        """How many elements of a frame: [S]."""
        total: Array = mask.reshape(self.samples, -1).sum(1)
        return total

    @cached_property
    def seen_again(self) -> Array:
        """Elements that are computed again: [S]."""
        return self.of_sample(self.touched)


def by_share(counts: Counts, touched: Array, elements: int) -> Counts:
    """What a whole frame costs, for the touched elements; weights are fetched whole where there are any."""
    share, some = touched / elements, touched > 0

    def part(name: str) -> Number:
        return getattr(counts, name) * (some if name == "weight_B" else share)

    return Counts(**{name: part(name) for name in vars(counts)})


def chosen(first: Counts, second: Counts, where: Array) -> Counts:
    """``first`` where ``where`` [S] holds, else ``second``."""
    pairs = {n: (getattr(first, n), getattr(second, n)) for n in vars(first)}
    return replace(first, **{name: np.where(where, a, b) for name, (a, b) in pairs.items()})

"""Which frames a step reads, and which part of them a process does.

A unit is a run of ``window`` frames of a clip with a labelled one in it. An epoch is one pass over all units in an
order of its own; what is left over at its end is not read. A step's content depends on seed and step alone, and never
on how many processes share it: a resumed run agrees, and so does one on another machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from avs.split import Split
from experiments.errors import UserError
from experiments.settings import RunSettings
from graph.graph import Graph
from graph.infer import window


def units(clips: Split, window: int) -> tuple[Tensor, Tensor]:
    """(clip, first frame) of every unit. A network without memory of its neighbours has windows of one frame."""
    clip_idx, frame_idx = clips.labelled_frames()
    pairs = torch.stack([clip_idx, frame_idx // window * window], 1)
    pairs = pairs[pairs[:, 1] + window <= clips.frames_per_clip]
    return tuple(torch.unique(pairs, dim=0).T) if window > 1 else (clip_idx, frame_idx)  # type: ignore[return-value]


def frames_together(settings: RunSettings, graph: Graph) -> int:
    """Of a unit: what the network looks at; two where their change is penalised."""
    length = window(graph)
    if not settings.train.change_penalty:
        return length
    if length > 1:
        raise UserError(
            f"train.change_penalty is {settings.train.change_penalty}, and {graph.name} looks at {length} frames at "
            "once, expected 0: only a network of one frame can be run as a stream"
        )
    return 2


@dataclass(frozen=True)
class Share:
    """Of a step: part ``rank`` of ``world`` processes, each in ``accumulate`` parts one after the other."""

    rank: int = 0
    world: int = 1
    accumulate: int = 1

    @property
    def parts(self) -> int:
        return self.world * self.accumulate


class Order:
    """Steps of ``batch`` frames, whole windows of them, or of one window."""

    def __init__(self, clips: Split, batch: int, seed: int, window: int = 1) -> None:
        self.clip_idx, self.first = units(clips, window)
        self.together = min(max(1, batch // window), len(self.clip_idx))
        self.seed, self.window = seed, window
        self.epoch = lru_cache(maxsize=1)(self._epoch)

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return max(1, len(self.clip_idx) // self.together)

    def _epoch(self, epoch: int) -> Tensor:
        # torch takes seeds of 64 bits
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**64)
        return torch.randperm(len(self.clip_idx), generator=generator)

    def units_at(self, step: int) -> Tensor:
        epoch, row = divmod(step, self.steps)
        return self.epoch(epoch)[row * self.together :][: self.together]

    def frames(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Units -> (clip, frame) of each of their frames."""
        frames = self.first[rows][:, None] + torch.arange(self.window)
        return self.clip_idx[rows].repeat_interleave(self.window), frames.flatten()

    def part(self, step: int, part: int, share: Share) -> tuple[Tensor, Tensor]:
        """(clip, frame) of what a process reads as its ``part`` of a step."""
        rows = self.units_at(step).chunk(share.parts)
        return self.frames(rows[part * share.world + share.rank])

    def serial(self, step: int, part: int, share: Share) -> int:
        """How many units all processes have read before those of this part, from the first step on."""
        return step * self.together + (part * share.world + share.rank) * (self.together // share.parts)

    def check(self, share: Share) -> None:
        if self.together % share.parts:
            what = f"{share.world} processes" + (f" x accumulate {share.accumulate}" if share.accumulate > 1 else "")
            raise UserError(
                f"train.batch is {self.together * self.window} frames ({self.together} windows of {self.window}), "
                f"which {what} cannot share, expected a multiple of {share.parts * self.window}"
            )

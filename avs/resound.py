"""The same pictures and masks under another sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avs.meter import Meter
from avs.split import Split

Sound = Callable[[Tensor, Tensor], Tensor]  # clips [B], frames [B] -> what a network hears, [B, 1, 96, 64]


@dataclass(frozen=True)
class Constant:
    """One sound [1, 96, 64] everywhere."""

    logmel: Tensor

    def __call__(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        return self.logmel.expand(len(clip_idx), *self.logmel.shape)


@dataclass(frozen=True)
class Lent:
    """Each frame sounds like frame ``frame`` [N, F] of clip ``clip`` [N, F] of the same split."""

    clips: Split
    clip: Tensor
    frame: Tensor

    def __call__(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        return self.clips.sounds(self.clip[clip_idx, frame_idx], self.frame[clip_idx, frame_idx])


def same_second(clips: Split, donor: Tensor) -> Lent:
    """``donor`` [N]: of each clip."""
    frames = torch.arange(clips.frames_per_clip)
    return Lent(clips, donor[:, None].expand(-1, len(frames)), frames.expand(len(donor), -1))


class Resounded:
    """A split whose clips sound as ``sound`` says; see `avs.split.Split`."""

    has_objects = False

    def __init__(self, clips: Split, sound: Sound) -> None:
        self.clips, self.sounds, self.groups = clips, sound, clips.groups
        self.labelled, self.valid, self.frames_per_clip = clips.labelled, clips.valid, clips.frames_per_clip

    def __len__(self) -> int:
        return len(self.clips)

    def frame_batch(self, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        batch = {**self.clips.frame_batch(clip_idx, frame_idx), "logmel": self.sounds(clip_idx, frame_idx)}
        batch.pop("heard", None)  # which is true of its own sound
        return batch

    def labelled_frames(self) -> tuple[Tensor, Tensor]:
        return self.clips.labelled_frames()

    def name(self, clip: int) -> str:
        return self.clips.name(clip)

    def meters(self) -> Sequence[Meter]:
        """None: nothing is published for other sounds."""
        return []

    def resounded(self) -> Mapping[str, Split]:
        return {}

    def subset(self, clip_idx: Tensor) -> Resounded:
        raise ValueError("Resounded: found a subset to take, expected the whole split that its donors belong to")


def other_donors(groups: Sequence[str], seed: int = 0) -> Tensor | None:
    """[N] -> for each clip one of another group; None where a group is alone."""
    random, known = torch.Generator().manual_seed(seed), sorted(set(groups))
    if len(known) < 2:
        return None
    group = torch.tensor([known.index(name) for name in groups])
    picks = []
    for own in group:
        others = (group != own).nonzero()[:, 0]
        picks.append(int(others[torch.randint(len(others), (), generator=random)]))
    return torch.tensor(picks)

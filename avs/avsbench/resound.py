"""The same pictures under another sound, for a network that should mind: ``other`` and ``mute``.

    other   the sound of a clip of another category, drawn once from a seed (s4 alone names one category for a clip)
    mute    digital silence, log-mel log(0.01) throughout

There is no ``swap`` here: which silent object is in view is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from avs.counterfactual import SILENCE
from avs.meter import Meter

if TYPE_CHECKING:  # which imports this file
    from avs.avsbench.clips import AVSBenchClips


class Resounded:
    """A split whose clip i sounds like clip ``donor[i]`` of the same split, or not at all."""

    has_objects = False

    def __init__(self, clips: AVSBenchClips, donor: Tensor | None) -> None:
        self.clips, self.donor = clips, donor
        self.labelled, self.valid, self.frames_per_clip = clips.labelled, clips.valid, clips.frames_per_clip

    def __len__(self) -> int:
        return len(self.clips)

    def frame_batch(self, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        batch = self.clips.frame_batch(clip_idx, frame_idx)
        if self.donor is None:
            return {**batch, "logmel": torch.full_like(batch["logmel"], SILENCE)}
        return {**batch, "logmel": self.clips.sounds(self.donor[clip_idx], frame_idx)}

    def labelled_frames(self) -> tuple[Tensor, Tensor]:
        return self.clips.labelled_frames()

    def name(self, clip: int) -> str:
        return self.clips.name(clip)

    def meters(self) -> list[Meter]:
        """None: nothing is published for other sounds."""
        return []

    def resounded(self) -> dict[str, Resounded]:
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


def resounded(clips: AVSBenchClips, seed: int = 0) -> dict[str, Resounded]:
    """Kind -> the split under that sound."""
    muted = {"mute": Resounded(clips, None)}
    donor = other_donors([row.group for row in clips.rows], seed) if clips.reader.place.layout.categories else None
    return muted if donor is None else {"other": Resounded(clips, donor), **muted}

"""A split whose clips are composed when they are read: nothing is kept, and only the frames that are asked for are
rendered. The clips are those of `avs.stamps.kept`, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from avs.audio import log_mel
from avs.meter import Meter
from avs.normalise import image_to_grid, logmel_to_grid
from avs.split import Split
from avs.stamps.compose import labelled_frames
from avs.stamps.library import Library
from avs.stamps.shot import Shot, shot
from avs.stamps.spec import StampsSpec


class Composed:
    """The first ``count`` clips of a split; see `avs.split.Split`."""

    has_objects = False

    def __init__(self, spec: StampsSpec, split: str, count: int, parts: Library) -> None:
        self.spec, self.split, self.parts, self.frames_per_clip = spec, split, parts, spec.length
        self.labelled = (torch.arange(spec.length) < labelled_frames(spec, split)).expand(count, -1)
        self.valid = torch.ones(count, spec.length, dtype=torch.bool)

    def __len__(self) -> int:
        return len(self.labelled)

    def _shot(self, clip: int) -> Shot:
        return shot(self.spec, self.split, clip, self.parts)

    def frame_batch(self, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        images, masks, sounds, heard, seen, order = [], [], [], [], [], []
        for clip, rows in _by_clip(clip_idx):
            order.append(rows)
            whole, frames = self._shot(clip), frame_idx[rows].tolist()
            images += [whole.picture(k, self.parts).transpose(2, 0, 1) for k in frames]
            masks += [whole.mask(k) for k in frames]
            sounds.append(whole.windows(self.parts)[frames])
            heard.append(np.where(whole.sounding[frames], whole.classes, -1))
            seen.append(np.append(-1, whole.classes)[whole.slots[frames]])
        back = torch.cat(order).argsort()
        return {
            "image": image_to_grid(torch.from_numpy(np.stack(images)))[back],
            "logmel": _heard(np.concatenate(sounds))[back],
            "mask": torch.from_numpy(np.stack(masks)).long()[back],
            "labelled": self.labelled[clip_idx, frame_idx],
            "heard": torch.from_numpy(np.concatenate(heard))[back],
            "seen": torch.from_numpy(np.concatenate(seen))[back],
        }

    def sounds(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        pairs = zip(clip_idx.tolist(), frame_idx.tolist(), strict=True)
        return _heard(np.stack([self._shot(clip).windows(self.parts)[frame] for clip, frame in pairs]))

    @property
    def groups(self) -> list[str]:
        return [self.name(clip) for clip in range(len(self))]

    def labelled_frames(self) -> tuple[Tensor, Tensor]:
        clip_idx, frame_idx = self.labelled.nonzero(as_tuple=True)
        return clip_idx, frame_idx

    def name(self, clip: int) -> str:
        return f"clip {clip}"

    def meters(self) -> Sequence[Meter]:
        return []

    def resounded(self) -> Mapping[str, Split]:
        return {}

    def subset(self, clip_idx: Tensor) -> Composed:
        raise ValueError("Composed: found a subset to take, expected clips that are kept")


def _by_clip(clip_idx: Tensor) -> list[tuple[int, Tensor]]:
    return [(clip, (clip_idx == clip).nonzero()[:, 0]) for clip in clip_idx.unique().tolist()]


def _heard(windows: np.ndarray) -> Tensor:
    return logmel_to_grid(log_mel(torch.from_numpy(windows))[:, 0])

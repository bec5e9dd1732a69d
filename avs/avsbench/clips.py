"""A split of AVSBench that reads, decodes and resizes what is asked for, and keeps the last of it.

image = (pixels / 255 - mean) / std with ImageNet's statistics, as the pretrained backbones want it, and the log-mel as
VGGish wants it: neither lies on the dyadic grids of chimes.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from avs.avsbench.images import read_frame, read_mask
from avs.avsbench.index import rows_of
from avs.avsbench.layout import Place, Row, place
from avs.avsbench.logmels import read_logmel
from avs.avsbench.published import PairsOfClips, SeventyOne
from avs.avsbench.resound import resounded
from avs.clip import Clip
from avs.meter import Meter
from avs.resound import Resounded

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
KEPT = 1 << 27  # bytes of decoded frames, and of log-mels, that stay in memory


class Reader:
    """Files -> tensors, with the last used ones in memory."""

    def __init__(self, place: Place, image: int) -> None:
        self.place, self.image = place, image
        self.picture = lru_cache(max(1, KEPT // (4 * image * image)))(self._picture)
        self.logmel = lru_cache(max(1, KEPT // (place.layout.frames * 96 * 64 * 4)))(self._logmel)

    def _picture(self, row: Row, frame: int) -> tuple[Tensor, Tensor]:
        """Pixels [3, S, S] and mask [S, S], uint8; zeros where there is none."""
        layout, size = self.place.layout, self.image
        crop = layout.crop and row.split == "train"
        image, mask = torch.zeros(3, size, size, dtype=torch.uint8), torch.zeros(size, size, dtype=torch.uint8)
        if frame < layout.valid(row):
            image = torch.from_numpy(read_frame(self.place.image(row, frame), size, crop))
        if frame < layout.labelled(row):
            mask = torch.from_numpy(read_mask(self.place.mask(row, frame), layout.mask_kind, size, crop))
        return image, mask

    def _logmel(self, row: Row) -> Tensor:
        return read_logmel(self.place.logmel(row), self.place.layout.frames)

    def __reduce__(self) -> tuple[type["Reader"], tuple[Place, int]]:
        """To another process goes what to read, not what was read."""
        return Reader, (self.place, self.image)


class AVSBenchClips:
    """N clips of F frames; see `avs.split.Split`."""

    has_objects = False

    def __init__(self, reader: Reader, rows: Sequence[Row]) -> None:
        if not rows:
            raise ValueError("AVSBenchClips: found no clips, expected at least one")
        self.reader, self.rows = reader, tuple(rows)
        layout = reader.place.layout
        frame = torch.arange(layout.frames)
        self.valid = frame < torch.tensor([layout.valid(row) for row in self.rows])[:, None]
        self.labelled = frame < torch.tensor([layout.labelled(row) for row in self.rows])[:, None]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Clip:
        """One clip whole, without objects: which of them sounds is not told."""
        frames = self.frames_per_clip
        pictures = [self.reader.picture(self.rows[index], frame) for frame in range(frames)]
        return Clip(
            frames=torch.stack([image for image, _ in pictures]).float() / 255,
            logmel=self.reader.logmel(self.rows[index]),
            masks=torch.stack([mask for _, mask in pictures]).long(),
            labelled=self.labelled[index],
            valid=self.valid[index],
            objects=torch.zeros(frames, 0, self.reader.image, self.reader.image, dtype=torch.bool),
            classes=torch.zeros(0, dtype=torch.long),
            sounding=torch.zeros(frames, 0, dtype=torch.bool),
        )

    @property
    def frames_per_clip(self) -> int:
        return self.reader.place.layout.frames

    def frame_batch(self, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        rows, frames = [self.rows[i] for i in clip_idx.tolist()], frame_idx.tolist()
        pictures = [self.reader.picture(row, frame) for row, frame in zip(rows, frames, strict=True)]
        pixels = torch.stack([image for image, _ in pictures])
        exists = self.valid[clip_idx, frame_idx][:, None, None, None]
        return {
            # A frame of padding is zeros after normalisation, not black.
            "image": (pixels.float() / 255 - MEAN) / STD * exists,
            "logmel": self.sounds(clip_idx, frame_idx),
            "mask": torch.stack([mask for _, mask in pictures]).long(),
            "labelled": self.labelled[clip_idx, frame_idx],
        }

    def sounds(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        """[B] indices -> log-mels [B, 1, 96, 64]."""
        pairs = zip(clip_idx.tolist(), frame_idx.tolist(), strict=True)
        return torch.stack([self.reader.logmel(self.rows[clip])[frame] for clip, frame in pairs])

    @property
    def groups(self) -> list[str]:
        return [row.group if self.reader.place.layout.categories else row.name for row in self.rows]

    def labelled_frames(self) -> tuple[Tensor, Tensor]:
        clip_idx, frame_idx = self.labelled.nonzero(as_tuple=True)
        return clip_idx, frame_idx

    def name(self, clip: int) -> str:
        row = self.rows[clip]
        return f"clip {row.name} of {row.split}"

    def subset(self, clip_idx: Tensor) -> "AVSBenchClips":
        """Some clips, over the same files in memory."""
        return AVSBenchClips(self.reader, [self.rows[i] for i in clip_idx.tolist()])

    def meters(self) -> list[Meter]:
        return [PairsOfClips() if self.reader.place.layout.classes == 1 else SeventyOne()]

    def resounded(self) -> dict[str, Resounded]:
        return resounded(self)


def load(variant: str, root: Path, split: str, *, image: int, count: int = 0) -> AVSBenchClips:
    """A split, its pictures brought to ``image`` x ``image``; files are read when they are asked for."""
    where = place(variant, root)
    return AVSBenchClips(Reader(where, image), rows_of(where, split, count))

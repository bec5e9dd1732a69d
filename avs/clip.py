"""One clip, and a whole split of clips stacked in memory.

F frames of one second each, K slots for objects (at most 255), H x W pixels. A frame, its mask and the 0.96-s
log-mel example of the same second belong together. Masks are 0 for background; 1 for a sounding object in the
binary variants; class index + 1 in the semantic ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import functional

from avs.meter import Meter
from avs.normalise import image_to_grid, logmel_to_grid
from avs.split import Split


@dataclass(frozen=True, kw_only=True)
class Clip:
    frames: Tensor  # [F, 3, H, W] float, 0..1
    logmel: Tensor  # [F, 1, 96, 64] float
    masks: Tensor  # [F, H, W] int64
    labelled: Tensor  # [F] bool: may be trained on
    valid: Tensor  # [F] bool: exists (False: padding)
    objects: Tensor  # [F, K, H, W] bool: the pixels of each object that can be seen
    classes: Tensor  # [K] int64, -1 = empty slot
    sounding: Tensor  # [F, K] bool


def seen_classes(slots: Tensor, classes: Tensor) -> Tensor:
    """[B, H, W] 0 or 1 + a slot, classes of the slots [B, K] -> classes [B, H, W], -1: no object."""
    of_slot = functional.pad(classes, (1, 0), value=-1)
    return of_slot.gather(1, slots.long().flatten(1)).view(slots.shape)


def knows_objects(clips: Split) -> TypeGuard["Clips"]:
    """Whether single objects can be told apart, and what each of them sounds."""
    return clips.has_objects


@dataclass(frozen=True, kw_only=True)
class Clips:
    """A split: N clips. Indexing gives a `Clip`; `frame_batch` gives what a network and a loss read."""

    frames: Tensor  # [N, F, 3, H, W] uint8
    logmel: Tensor  # [N, F, 1, 96, 64] float32
    masks: Tensor  # [N, F, H, W] uint8
    labelled: Tensor  # [N, F] bool
    valid: Tensor  # [N, F] bool
    slots: Tensor  # [N, F, H, W] uint8: 0, or 1 + the slot of the object seen at that pixel
    classes: Tensor  # [N, K] int64
    sounding: Tensor  # [N, F, K] bool

    def __post_init__(self) -> None:
        for field in fields(self):
            tensor = getattr(self, field.name)
            if len(tensor) != len(self.frames):
                raise ValueError(f"Clips: found {len(tensor)} rows in {field.name}, expected {len(self.frames)}")

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Clip:
        slot_ids = torch.arange(1, self.classes.shape[1] + 1, dtype=torch.uint8)
        return Clip(
            frames=self.frames[index].float() / 255,
            logmel=self.logmel[index],
            masks=self.masks[index].long(),
            labelled=self.labelled[index],
            valid=self.valid[index],
            objects=self.slots[index][:, None] == slot_ids[:, None, None],
            classes=self.classes[index],
            sounding=self.sounding[index],
        )

    @property
    def has_objects(self) -> bool:
        """Clips without a slot for objects hold pictures, sounds and masks alone."""
        return self.classes.shape[1] > 0

    @property
    def frames_per_clip(self) -> int:
        return self.frames.shape[1]

    def frame_batch(self, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        """Indices [B] -> image [B, 3, H, W], logmel [B, 1, 96, 64], both on grids; mask [B, H, W] int64;
        labelled [B] bool: the mask may be trained on and scored; heard [B, K]: the classes that sound, -1: none;
        seen [B, H, W] int64: the class of the object there, silent or not, -1: none."""
        return {
            "image": image_to_grid(self.frames[clip_idx, frame_idx]),
            "logmel": self.sounds(clip_idx, frame_idx),
            "mask": self.masks[clip_idx, frame_idx].long(),
            "labelled": (self.labelled & self.valid)[clip_idx, frame_idx],
            "heard": torch.where(self.sounding[clip_idx, frame_idx], self.classes[clip_idx], -1),
            "seen": seen_classes(self.slots[clip_idx, frame_idx], self.classes[clip_idx]),
        }

    def sounds(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        return logmel_to_grid(self.logmel[clip_idx, frame_idx])

    @property
    def groups(self) -> list[str]:
        return [self.name(clip) for clip in range(len(self))]

    def object_masks(self, clip_idx: Tensor, frame_idx: Tensor, slot: Tensor) -> Tensor:
        """[B] indices -> [B, H, W] bool: the visible pixels of one object per frame."""
        return self.slots[clip_idx, frame_idx] == (slot + 1).to(torch.uint8)[:, None, None]

    def labelled_frames(self) -> tuple[Tensor, Tensor]:
        """(clip_idx, frame_idx) of every frame that may be trained on."""
        clip_idx, frame_idx = (self.labelled & self.valid).nonzero(as_tuple=True)
        return clip_idx, frame_idx

    def sounding_classes(self, classes: int) -> Tensor:
        """[N, F, classes] bool: which classes sound in each frame."""
        present = functional.one_hot(self.classes.clamp(min=0), classes).bool() & (self.classes >= 0)[..., None]
        return (present[:, None] & self.sounding[..., None]).any(2)

    def name(self, clip: int) -> str:
        return f"clip {clip}"

    def meters(self) -> list[Meter]:
        return []

    def resounded(self) -> dict[str, Split]:
        """None: `avs.counterfactual` lends a known object's sound frame by frame."""
        return {}

    def subset(self, clip_idx: Tensor) -> "Clips":
        return Clips(**{field.name: getattr(self, field.name)[clip_idx] for field in fields(self)})

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]], count: int) -> "Clips":
        """``count`` clips, each by its fields; they are held once, not twice."""
        columns: dict[str, Tensor] = {}
        for place, row in enumerate(rows):
            for name, value in row.items():
                tensor = torch.as_tensor(value)
                if name not in columns:
                    columns[name] = torch.empty((count, *tensor.shape), dtype=tensor.dtype)
                columns[name][place] = tensor
        return cls(**columns)

    @classmethod
    def stack(cls, clips: Sequence[Clip]) -> "Clips":
        """Clips of equal shape, from any source. Where objects overlap the later slot is in front."""
        if not clips:
            raise ValueError("Clips.stack: found no clips, expected at least one")
        slots = []
        for clip in clips:
            order = torch.arange(1, clip.objects.shape[1] + 1, dtype=torch.uint8)[:, None, None]
            seen = clip.objects.to(torch.uint8) * order
            slots.append(seen.amax(1) if clip.objects.shape[1] else torch.zeros_like(clip.masks, dtype=torch.uint8))
        return cls(
            frames=torch.stack([(clip.frames * 255).round().to(torch.uint8) for clip in clips]),
            logmel=torch.stack([clip.logmel for clip in clips]),
            masks=torch.stack([clip.masks.to(torch.uint8) for clip in clips]),
            labelled=torch.stack([clip.labelled for clip in clips]),
            valid=torch.stack([clip.valid for clip in clips]),
            slots=torch.stack(slots),
            classes=torch.stack([clip.classes for clip in clips]),
            sounding=torch.stack([clip.sounding for clip in clips]),
        )

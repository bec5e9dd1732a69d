"""What a process reads to train: its share of every step, changed at random if the settings say so.

What is drawn for a window depends on the seed and on its place in the order alone, so neither a resumed run nor another
number of processes or workers sees anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from avs.augment.change import augment
from avs.augment.sound import augment_sound
from avs.augment.spec import AugmentSpec
from avs.split import Split
from experiments.training.loader import Frames, Item, Reading
from experiments.training.order import Order, Share

MAPS = ("mask", "seen")  # of classes, pixel by pixel


class Wanted(Sequence[Frames]):
    """(clip, frame) of each part of each step from ``first`` to the last before ``last``, as one list."""

    def __init__(self, order: Order, share: Share, first: int, last: int) -> None:
        self.order, self.share, self.first, self.last = order, share, first, last

    def __len__(self) -> int:
        return max(0, self.last - self.first) * self.share.accumulate

    def place(self, number: int) -> tuple[int, int]:
        """(step, part of it) of an item."""
        step, part = divmod(number, self.share.accumulate)
        return self.first + step, part

    def __getitem__(self, number: int) -> Frames:  # type: ignore[override]
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.order.part(*self.place(number), self.share)


class TrainingFrames(Reading):
    """``deaf``: every window hears the one before it in its part, the first the last."""

    def __init__(self, clips: Split, wanted: Wanted, spec: AugmentSpec, *, deaf: bool) -> None:
        super().__init__(clips, wanted)
        self.places, self.spec, self.deaf = wanted, spec, deaf

    def __getitem__(self, number: int) -> Item | str:
        item = super().__getitem__(number)
        if isinstance(item, str):
            return item
        clip_idx, batch = item
        window, seed = self.places.order.window, self.places.order.seed
        if self.deaf:
            batch |= {name: batch[name].roll(window, 0) for name in ("logmel", "heard") if name in batch}
        if self.spec.any:
            first = self.places.order.serial(*self.places.place(number), self.places.share)
            for row in range(0, len(clip_idx), window):
                generator = torch.Generator().manual_seed((seed * 2_147_483_659 + first + row // window) % 2**64)
                here = slice(row, row + window)
                maps = [batch[name][here] for name in MAPS if name in batch]
                image, changed = augment(batch["image"][here], torch.stack(maps, 1), self.spec, generator)
                batch["image"][here] = image
                for own, new in zip(maps, changed.unbind(1), strict=True):
                    own.copy_(new)
                batch["logmel"][here] = augment_sound(batch["logmel"][here], self.spec.sound, generator)
        return clip_idx, batch

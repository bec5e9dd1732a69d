"""Features are told what is seen at each pixel, whether it sounds or not: a classifier, for training alone.

    p(class, pixel) = softmax(W mask_feature[pixel] + b),   class 0: no object
    loss = half the mean of -log p over pixels of objects + half that over all others

A mask says of a silent object what it says of the background. Told what both are, a network has one question left:
whether that sounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from avs.losses.spec import FEATURE
from avs.precision import exact


def seen_loss(logits: Tensor, seen: Tensor) -> Tensor:
    """Logits [B, 1 + C, H, W], classes [B, H, W], -1: no object. Both halves count, however few pixels they have."""
    rows = functional.cross_entropy(logits, seen + 1, reduction="none")
    inside = seen >= 0
    halves = [rows[where].mean() for where in (inside, ~inside) if where.any()]
    return torch.stack(halves).mean()


def at_size(seen: Tensor, height: int, width: int) -> Tensor:
    """[B, H, W] -> [B, height, width], the nearest pixel."""
    small = functional.interpolate(seen[:, None].float(), (height, width), mode="nearest-exact")
    return small[:, 0].to(seen.dtype)


class Seen(nn.Module):
    """``shape`` of the feature: [D, H, W]."""

    def __init__(self, shape: Sequence[int], classes: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(shape[0], 1 + classes, 1)

    def forward(self, outputs: Mapping[str, Tensor], seen: Tensor) -> Tensor:
        logits = exact(self.head(outputs[FEATURE]))
        return seen_loss(logits, at_size(seen, *logits.shape[-2:]))

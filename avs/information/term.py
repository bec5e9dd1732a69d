"""The information term of a loss: which outputs of a network it reads, and the value to maximise that it makes of them.

Every term is called alike: term(outputs, mask [B, H, W], clip [B], generator, labelled [B] bool or None) -> a scalar.
`AcrossClips` reads the pixels of one output, its ``level``, and ``audio_token``; `Published` reads ``mi_map``. Pixels
are a map [B, C, h, w], or the tokens [B, h w, C] of a square one.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avs.information.estimators import ESTIMATORS
from avs.information.mutual_information import MutualInformation
from avs.information.released import released
from common.words import not_among

RELEASED = "released"
NAMES = (*ESTIMATORS, RELEASED)
AUDIO = "audio_token"
MAP = "mi_map"
Shapes = Mapping[str, tuple[int, ...]]


def map_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """(C, h, w) of a map or of a square map's tokens, without the batch; None for what is neither."""
    if len(shape) == 3:
        return shape
    side = math.isqrt(shape[0]) if len(shape) == 2 else 0
    return (shape[1], side, side) if side > 1 and side * side == shape[0] else None


def as_map(value: Tensor) -> Tensor:
    """[B, C, h, w] stays; [B, h w, C] of a square map -> [B, C, h, w]."""
    shape = map_shape(tuple(value.shape[1:]))
    if shape is None:
        raise ValueError(f"information: found pixels {tuple(value.shape)}, expected [B, C, h, w] or [B, h h, C]")
    return value if value.ndim == 4 else value.transpose(1, 2).reshape(-1, *shape)


class AcrossClips(nn.Module):
    """A bound of `estimators` between the foreground pixels of ``level`` and the sound, against other clips'."""

    def __init__(self, level: str, bound: MutualInformation) -> None:
        super().__init__()
        self.level = level
        self.bound = bound

    def forward(
        self,
        outputs: Mapping[str, Tensor],
        mask: Tensor,
        clip: Tensor,
        generator: torch.Generator,
        labelled: Tensor | None = None,
    ) -> Tensor:
        if labelled is not None:
            mask = mask * labelled.to(mask)[:, None, None]
        value: Tensor = self.bound(as_map(outputs[self.level]), outputs[AUDIO].flatten(1), mask, clip, generator)
        return value


class Published(nn.Module):
    """`released` on the network's own score map. It has no parameters, and needs no clip and no chance."""

    def forward(
        self,
        outputs: Mapping[str, Tensor],
        mask: Tensor,
        clip: Tensor,
        generator: torch.Generator,
        labelled: Tensor | None = None,
    ) -> Tensor:
        return released(as_map(outputs[MAP])[:, 0], mask, labelled)


def check(estimator: str, level: str, shapes: Shapes) -> None:
    """Whether a network with these outputs (shapes without the batch) can be asked."""
    if estimator not in NAMES:
        raise ValueError(not_among("information.estimator", estimator, NAMES))
    if estimator == RELEASED:
        if MAP not in shapes:
            raise ValueError(
                f"information.estimator: found '{RELEASED}' with a network that has no output '{MAP}', expected the "
                f"model miavs, or one of {', '.join(ESTIMATORS)}"
            )
        return
    if AUDIO not in shapes:
        raise ValueError(f"information.weight: found a network without the output '{AUDIO}', expected 0")
    levels = [name for name, shape in shapes.items() if name not in ("mask", AUDIO) and map_shape(shape)]
    if level not in levels:
        raise ValueError(not_among("information.level", level, levels))


def term(estimator: str, shapes: Shapes, *, level: str = "mask_feature", bank_size: int = 256) -> nn.Module:
    """The information term for a network with outputs of these shapes, without the batch."""
    check(estimator, level, shapes)
    if estimator == RELEASED:
        return Published()
    pixels = map_shape(shapes[level])
    assert pixels is not None  # check has seen to it
    sound = math.prod(shapes[AUDIO])
    return AcrossClips(level, MutualInformation(estimator, pixel_dim=pixels[0], audio_dim=sound, bank_size=bank_size))

"""The information term of a loss: which outputs of a network it reads, and the value to maximise that it makes of them.

Every term is called alike: term(outputs, mask [B, H, W], clip [B], generator, labelled [B] bool or None) -> a scalar.
`AcrossClips` reads the pixels of one output, its ``level``, and ``audio_token``; `Published` reads ``mi_map``. Pixels
are a map [B, C, h, w], or the tokens [B, h w, C] of a square one.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avs.information.mutual_information import MutualInformation
from avs.information.names import AUDIO, MAP, RELEASED, Shapes, check, map_shape
from avs.information.released import released


def as_map(value: Tensor) -> Tensor:
    """[B, C, h, w] stays; [B, h w, C] of a square map -> [B, C, h, w]."""
    shape = map_shape(tuple(value.shape[1:]))
    if shape is None:
        raise ValueError(f"information: found pixels {tuple(value.shape)}, expected [B, C, h, w] or [B, h h, C]")
    return value if value.ndim == 4 else value.transpose(1, 2).reshape(-1, *shape)


class AcrossClips(nn.Module):
    """A bound of `estimators` between the foreground pixels of ``level`` and the sound, against other clips'.

    ``permuted``: a placebo: the sounds of a batch change places first, so that there is nothing to learn but the same
    gradients flow, of the same size and through the same critic."""

    def __init__(self, level: str, bound: MutualInformation, permuted: bool = False) -> None:
        super().__init__()
        self.permuted = permuted
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
        sound = outputs[AUDIO].flatten(1)
        if self.permuted:
            sound = sound[torch.randperm(len(sound), generator=generator).to(sound.device)]
        value: Tensor = self.bound(as_map(outputs[self.level]), sound, mask, clip, generator)
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


def term(
    estimator: str, shapes: Shapes, *, level: str = "mask_feature", bank_size: int = 256, permuted: bool = False
) -> nn.Module:
    """The information term for a network with outputs of these shapes, without the batch."""
    check(estimator, level, shapes, permuted)
    if estimator == RELEASED:
        return Published()
    pixels = map_shape(shapes[level])
    assert pixels is not None  # check has seen to it
    sound = math.prod(shapes[AUDIO])
    bound = MutualInformation(estimator, pixel_dim=pixels[0], audio_dim=sound, bank_size=bank_size)
    return AcrossClips(level, bound, permuted)

"""Pictures and a sound of any source -> what a network reads, one row a second.

Pictures: [F, 3, H, W] bytes, one a second, brought to ``side`` pixels. Sound: samples [N] in -1..1 at 16 kHz, of which
second f belongs to picture f (silence where there are none), or log-mels [F, 1, 96, 64] that are made already.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from avs.audio import EXAMPLE_SAMPLES, SAMPLE_RATE, log_mel
from avs.avsbench.clips import MEAN, STD
from avs.normalise import image_to_grid, logmel_to_grid


def pictures(image: Tensor, side: int) -> Tensor:
    """-> bytes [F, 3, side, side]; one picture [3, H, W] is a clip of one second."""
    image = image[None] if image.ndim == 3 else image
    if image.dtype != torch.uint8 or image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"image is {image.dtype} {tuple(image.shape)}, expected uint8 [seconds, 3, height, width]")
    if side in (0, image.shape[-1]) and image.shape[-1] == image.shape[-2]:
        return image
    resized = F.interpolate(image.float(), size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return resized.round().clamp(0, 255).to(torch.uint8)


def sounds(sound: Tensor, seconds: int) -> Tensor:
    """-> log-mels [F, 1, 96, 64]."""
    if sound.ndim == 4:
        if len(sound) != seconds:
            raise ValueError(f"sound has {len(sound)} log-mels, expected one for each of {seconds} pictures")
        return sound
    if sound.ndim != 1:
        raise ValueError(f"sound has shape {tuple(sound.shape)}, expected samples [N], or log-mels [F, 1, 96, 64]")
    whole = F.pad(sound, (0, max(0, seconds * SAMPLE_RATE - len(sound))))[: seconds * SAMPLE_RATE]
    return log_mel(whole.reshape(seconds, SAMPLE_RATE)[:, :EXAMPLE_SAMPLES])[:, 0]


def grid(image: Tensor, sound: Tensor, side: int) -> dict[str, Tensor]:
    """On the dyadic grid that chimes are on."""
    frames = pictures(image, side)
    return {"image": image_to_grid(frames), "logmel": logmel_to_grid(sounds(sound, len(frames)))}


def imagenet(image: Tensor, sound: Tensor, side: int) -> dict[str, Tensor]:
    """With ImageNet's mean and deviation, as AVSBench's networks read."""
    frames = pictures(image, side)
    return {"image": (frames.float() / 255 - MEAN) / STD, "logmel": sounds(sound, len(frames))}


PREPARATIONS: dict[str, Callable[[Tensor, Tensor, int], dict[str, Tensor]]] = {"grid": grid, "imagenet": imagenet}

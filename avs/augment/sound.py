"""Random changes of a log-mel [F, 1, time, mel] that leave true what it is a sound of, in any unit.

pitch     moved along the mels by up to PITCH bins, the last mel repeated
time      turned round, so that it begins elsewhere
strength  v -> low + (v - low) (1 + a + b f), f from -1 to 1 along the mels, low the quietest value: fainter, stronger,
          duller or brighter
holes     one stretch of time and one of mels fall silent (SpecAugment: Park et al., Interspeech 2019)

``much``, 0 to 1, scales all of them. Frames of one clip that follow each other are changed alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

PITCH, STRENGTH, TILT = 6, 0.3, 0.3
HOLE = 0.25  # of the time, and of the mels, at most


def _moved(x: Tensor, bins: int) -> Tensor:
    at = torch.arange(x.shape[-1]) - bins
    return x[..., at.clamp(0, x.shape[-1] - 1)]


def _hole(x: Tensor, axis: int, most: float, draw: Tensor, low: Tensor) -> Tensor:
    size = x.shape[axis]
    width = round(float(draw[0]) * most * size)
    start = round(float(draw[1]) * (size - width))
    at = torch.arange(size)
    inside = ((at >= start) & (at < start + width)).unflatten(0, (-1, *(1,) * (-1 - axis)))
    return torch.where(inside, low, x)


def augment_sound(logmel: Tensor, much: float, generator: torch.Generator) -> Tensor:
    draw = torch.rand(8, generator=generator)
    if not much:
        return logmel
    low = logmel.amin((-3, -2, -1), keepdim=True)
    x = _moved(logmel, round(PITCH * much * float(2 * draw[0] - 1)))
    x = x.roll(round(float(draw[1]) * much * x.shape[-2]), -2)
    slope = torch.linspace(-1, 1, x.shape[-1])
    x = low + (x - low) * (1 + much * (STRENGTH * (2 * draw[2] - 1) + TILT * (2 * draw[3] - 1) * slope))
    x = _hole(x, -2, HOLE * much, draw[4:6], low)
    return _hole(x, -1, HOLE * much, draw[6:8], low)

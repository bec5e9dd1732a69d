"""From stored clips to the numbers a network reads: affine maps that are exact in binary.

    image  = (u8 - 128) / 64                               in [-2, 2), steps of 1/64
    logmel = clamp(round(32 (x - LOGMEL_SHIFT) / LOGMEL_SCALE) / 32, -4, 4)     steps of 1/32

Shift and scale are dyadic, so every input lies on a grid. Exact conversion to spikes (all sums below 2^24 in
fp32) rests on that; ImageNet statistics would put the inputs off it.
"""

import torch
from torch import Tensor

IMAGE_SHIFT, IMAGE_SCALE = 128, 64
LOGMEL_SHIFT, LOGMEL_SCALE, LOGMEL_STEPS, LOGMEL_LIMIT = -1.0, 2.0, 32, 4.0


def image_to_grid(pixels: Tensor) -> Tensor:
    """uint8 [...] -> float32 [...], a multiple of 1/64."""
    if pixels.dtype != torch.uint8:
        raise ValueError(f"image_to_grid: found pixels of {pixels.dtype}, expected uint8; use (255 * x).round().byte()")
    return (pixels.float() - IMAGE_SHIFT) / IMAGE_SCALE


def logmel_to_grid(logmel: Tensor) -> Tensor:
    """float [...] -> float32 [...], a multiple of 1/32 in [-4, 4]."""
    scaled = (logmel.float() - LOGMEL_SHIFT) * (LOGMEL_STEPS / LOGMEL_SCALE)
    return (scaled.round() / LOGMEL_STEPS).clamp(-LOGMEL_LIMIT, LOGMEL_LIMIT)

"""Deformable sampling through ``grid_sample``: same values as ``layers.deform`` and about four times faster on a CPU.

A location in pixels, ref * W + offset - 1/2, is 2 (ref + offset / W) - 1 in ``grid_sample``'s coordinates with
half-pixel corners. Where W is a power of two the change of coordinates is exact, and so is the result on a dyadic grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def deform_sample_grid(
    value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: tuple[tuple[int, int], ...]
) -> Tensor:
    """value [B, S, h, d], offset [B, Q, h, L, P, 2], weight [B, Q, h, L, P], reference [1, Q, L, 2] -> [B, Q, h d]."""
    batch, queries, heads, _, points, _ = offset.shape
    channels, start = value.shape[-1], 0
    parts = []
    for level, (height, width) in enumerate(levels):
        plane = value[:, start : start + height * width].permute(0, 2, 3, 1).reshape(-1, channels, height, width)
        size = torch.tensor([width, height], dtype=offset.dtype, device=offset.device)
        place = 2 * (reference[:, :, None, level, None] + offset[:, :, :, level] / size) - 1
        grid = place.transpose(1, 2).reshape(-1, queries, points, 2)
        sampled = F.grid_sample(plane, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        scale = weight[:, :, :, level].transpose(1, 2).reshape(-1, 1, queries, points)
        parts.append((sampled * scale).sum(-1))
        start += height * width
    total = torch.stack(parts).sum(0)
    return total.reshape(batch, heads * channels, queries).transpose(1, 2)

"""Multi-scale deformable sampling in plain torch: the reference that any kernel is tested against.

y[q, h] = sum over levels l and points p of A[q, h, l, p] * bilinear(V_l[h], loc[q, h, l, p]), where a location in
pixels is ref * (W, H) + offset - 1/2, and taps outside the level read zero. Shapes: value [B, S, h, d], offset
[B, Q, h, L, P, 2], weight [B, Q, h, L, P], reference [B or 1, Q, L, 2] -> [B, Q, h d].
"""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_locations(offset: Tensor, reference: Tensor, levels: tuple[tuple[int, int], ...]) -> Tensor:
    sizes = torch.tensor([[w, h] for h, w in levels], dtype=offset.dtype, device=offset.device)
    return (reference * sizes)[:, :, None, :, None] + offset - 0.5


def taps(location: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The four bilinear taps of [..., 2] locations: flat index [..., 4], coefficient [..., 4], in bounds [..., 4].

    A location that is no finite number lies outside of everything.
    """
    location = torch.where(location.isfinite(), location, -2.0)
    base = location.detach().floor()
    frac = location - base
    fx, fy = frac.unbind(-1)
    coefficient = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], -1)
    corner = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=location.device, dtype=location.dtype)
    x, y = (base[..., None, :] + corner).unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return index.long(), coefficient, inside


def deform_sample(
    value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: tuple[tuple[int, int], ...]
) -> Tensor:
    location = pixel_locations(offset, reference, levels)
    batch, queries, heads, _, points, _ = location.shape
    channels = value.shape[-1]
    total = value.new_zeros(batch, heads, queries, channels)
    start = 0
    for level, (height, width) in enumerate(levels):
        index, coefficient, inside = taps(location[:, :, :, level], height, width)  # [B, Q, h, P, 4]
        scale = coefficient * inside * weight[:, :, :, level, :, None]
        plane = value[:, start : start + height * width].transpose(1, 2)  # [B, h, HW, d]
        flat = index.transpose(1, 2).reshape(batch, heads, -1)
        picked = plane.gather(2, flat[..., None].expand(-1, -1, -1, channels))
        picked = picked.reshape(batch, heads, queries, points * 4, channels)
        total = total + torch.einsum("bhqk,bhqkd->bhqd", scale.transpose(1, 2).flatten(3), picked)
        start += height * width
    return total.transpose(1, 2).flatten(2)

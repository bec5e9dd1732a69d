"""Points of masks: losses at a few thousand points instead of all pixels (PointRend, Kirillov et al. 2020).

A point is (x, y) in 0..1 of a map's width and height, so that maps of different sizes are read at the same places.
All chance comes from a generator that is given; it is drawn where the generator lives, so devices agree.
"""

import torch
from torch import Tensor
from torch.nn import functional


def uniform_points(rows: int, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """[rows, count, 2]."""
    return torch.rand(rows, count, 2, generator=generator, device=generator.device).to(device)


def values_at(maps: Tensor, points: Tensor) -> Tensor:
    """Maps [N, h, w] at points [N, P, 2] -> [N, P]: bilinear between the pixels' centres, 0 outside the map."""
    grid = 2 * points.to(maps)[:, :, None] - 1
    return functional.grid_sample(maps[:, None], grid, align_corners=False)[:, 0, :, 0]


@torch.no_grad()
def uncertain_points(
    logits: Tensor, count: int, generator: torch.Generator, *, oversample: float, importance: float
) -> Tensor:
    """Logits [N, h, w] -> [N, count, 2]: of ``oversample`` x ``count`` uniform points the share ``importance`` of
    ``count`` that lies nearest to logit 0, and the rest drawn anew. ``importance`` 0 is uniform."""
    candidates = uniform_points(len(logits), int(count * oversample), generator, logits.device)
    uncertain = int(count * importance)
    nearest = values_at(logits.float(), candidates).abs().topk(uncertain, dim=1, largest=False).indices
    kept = candidates.gather(1, nearest[:, :, None].expand(-1, -1, 2))
    return torch.cat([kept, uniform_points(len(logits), count - uncertain, generator, logits.device)], 1)

"""``DeformSample``: gather four taps per (query, head, level, point), weigh, add.

Per sample: location = ref * size + offset - 1/2 (2 fmac, 2 fadd), two floors (2 cmp), four bilinear
coefficients and their products with the weight (8 mul). Then per channel: values that are counts n add |n|
times at each tap in bounds; real values are 4 fmac. All reads of taps in bounds are charged, zeros too: a
gather cannot skip the look-up.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from energy.columns import Counts
from energy.counters.traffic import moved
from energy.observe import Operand, Seen
from energy.tally import indicator
from graph.values import magnitude
from layers.deform import pixel_locations

BORDER = 2  # a location one pixel outside still has taps inside; further out all are zero


def windows(density: Tensor, height: int, width: int) -> Tensor:
    """[B, H W, h] -> [B, h, (H + 3) (W + 3)]: sums of 2 x 2 neighbours, of zeros beyond the borders, by their first."""
    plane = density.transpose(1, 2).unflatten(2, (height, width))
    plane = F.pad(plane, (BORDER, BORDER, BORDER, BORDER))
    rows = plane[..., 1:, :] + plane[..., :-1, :]
    return (rows[..., 1:] + rows[..., :-1]).flatten(2)


def first_taps(location: Tensor, height: int, width: int) -> Tensor:
    """The place in ``windows`` of the four taps of locations [..., 2]; no finite number lies outside of all."""
    base = location.nan_to_num(nan=-BORDER, posinf=-BORDER, neginf=-BORDER).floor()
    x, y = base[..., 0].clamp(-BORDER, width), base[..., 1].clamp(-BORDER, height)
    return ((y + BORDER) * (width + 2 * BORDER - 1) + x + BORDER).long()


def gathered(seen: Seen, *densities: Tensor, only: Tensor | None = None) -> list[np.ndarray]:
    """The sum of each density [B, S, h] of whole numbers over all in-bounds taps: [S] each. ``only`` [B, Q, h] bool:
    the queries that are sampled."""
    _, offset, _, reference = seen.inputs
    levels = seen.op.levels
    location = pixel_locations(offset, reference, levels)
    batch, _, heads = location.shape[:3]
    totals, start = [torch.zeros(batch, heads, dtype=torch.float64, device=offset.device) for _ in densities], 0
    for level, (height, width) in enumerate(levels):
        place = first_taps(location[:, :, :, level], height, width).transpose(1, 2).reshape(batch, heads, -1)
        for density, total in zip(densities, totals, strict=True):
            sums = windows(density[:, start : start + height * width], height, width).expand(batch, -1, -1)
            found = sums.gather(2, place)
            if only is not None:
                found = found.unflatten(2, (only.shape[1], -1)) * only.transpose(1, 2)[..., None]
            total += found.flatten(2).sum(2, dtype=torch.float64)
        start += height * width
    return [seen.per_sample(total) for total in totals]


def sampling(seen: Seen) -> Counts:
    op, operand = seen.op, seen.operand(0)
    points = op.samples(seen.node.shape[0]) * seen.rows * seen.steps
    inside, nonzero, added = gathered(seen, *densities(seen, operand))
    shared = Counts(
        fmac=2 * points,
        fadd=2 * points,
        cmp=2 * points,
        mul=8 * points,
        gather_reads=inside * op.channels,
        nonzero_macs=nonzero,
        macs=seen.macs,
        elements=seen.length(0),
        skip_tests=seen.length(0),
    )
    return moved(seen, shared + _taps(seen, operand, nonzero, added), (0, 1, 2, 3))


def densities(seen: Seen, operand: Operand | None) -> list[Tensor]:
    """Of each place and head [B, S, h]: one, the channels that are not zero, the counts of all channels."""
    value = seen.inputs[0]
    active = indicator(value).sum(-1) if operand is None else operand.tally.active.sum(-1)
    return [torch.ones_like(active), active, active if operand is None else operand.tally.size.sum(-1)]


def _taps(seen: Seen, operand: Operand | None, nonzero: np.ndarray, added: np.ndarray) -> Counts:
    dense = seen.macs * seen.steps
    if operand is None:
        return Counts(fmac=dense) if magnitude(seen.kind(0)) is None else Counts(imac=dense)
    tally = operand.tally
    active = seen.per_row(tally.actives)
    return Counts(
        ac_int=added,
        decoded_macs=nonzero,
        events=seen.per_row(tally.events),
        nonzeros=active,
        decoded_nonzeros=active,
    )

"""``DeformSample``: gather four taps per (query, head, level, point), weigh, add.

Per sample: location = ref * size + offset - 1/2 (2 fmac, 2 fadd), two floors (2 cmp), four bilinear
coefficients and their products with the weight (8 mul). Then per channel: values that are counts n add |n|
times at each tap in bounds; real values are 4 fmac. All reads of taps in bounds are charged, zeros too: a
gather cannot skip the look-up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from energy.columns import Counts
from energy.counters.traffic import moved
from energy.observe import Seen
from graph.values import magnitude
from layers.deform import pixel_locations, taps


def gathered(seen: Seen, density: Tensor) -> Tensor:
    """Sum ``density`` [B, S, h] over all in-bounds taps: -> [B, Q, h]."""
    _, offset, _, reference = seen.inputs
    levels = seen.op.levels
    location = pixel_locations(offset, reference, levels)
    batch, queries, heads = location.shape[:3]
    total, start = torch.zeros(batch, queries, heads, dtype=torch.float64, device=offset.device), 0
    for level, (height, width) in enumerate(levels):
        index, _, inside = taps(location[:, :, :, level], height, width)  # [B, Q, h, P, 4]
        plane = density[:, start : start + height * width].transpose(1, 2).expand(batch, -1, -1)  # [B, h, HW]
        flat = index.transpose(1, 2).reshape(batch, heads, -1)
        picked = plane.gather(2, flat).reshape(batch, heads, queries, -1).transpose(1, 2)
        total += (picked * inside.flatten(3)).sum(-1)
        start += height * width
    return total


def sampling(seen: Seen) -> Counts:
    value, op = seen.inputs[0], seen.op
    points = op.samples(seen.node.shape[0]) * seen.rows * seen.steps
    reads = torch.full_like(value[..., 0], op.channels, dtype=torch.float64)
    shared = Counts(
        fmac=2 * points,
        fadd=2 * points,
        cmp=2 * points,
        mul=8 * points,
        gather_reads=seen.per_sample(gathered(seen, reads)),
        macs=seen.macs,
        elements=seen.length(0),
        skip_tests=seen.length(0),
    )
    return moved(seen, shared + _taps(seen), (0, 1, 2, 3))


def _taps(seen: Seen) -> Counts:
    operand, dense = seen.operand(0), seen.macs * seen.steps
    nonzero = seen.per_sample(gathered(seen, (seen.inputs[0] != 0).sum(-1).double()))
    if operand is None:
        if magnitude(seen.kind(0)) is None:
            return Counts(fmac=dense, nonzero_macs=nonzero)
        return Counts(imac=dense, nonzero_macs=nonzero)
    n = operand.n.abs()
    return Counts(
        ac_int=seen.per_sample(gathered(seen, n.sum(-1))),
        nonzero_macs=nonzero,
        decoded_macs=nonzero,
        events=seen.per_sample(n),
        nonzeros=seen.per_sample(n > 0),
        decoded_nonzeros=seen.per_sample(n > 0),
    )

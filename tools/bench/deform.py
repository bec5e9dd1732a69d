"""Deformable sampling at AVSegFormer's sizes: 256 channels in 8 heads, 4 points, B = 5, every token a query.

Real values, and spikes (firing 0.15; packing them into words is part of our time). A peer takes either as real
numbers. Locations keep off the borders of cells, where the gradient of a location jumps: rounding would decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor

from layers import deform as torch_form
from layers.consts import reference_points
from layers.deform_kernel import deform_sample_counts, deform_sample_kernel
from tools.bench.contest import Contest, Moved, Options
from tools.bench.deform_peers import PEERS, Levels
from tools.bench.parity import Function, Tolerance, Work

TOLERANCE = {
    torch.float32: Tolerance(output=1e-5, gradient=1e-4),
    torch.bfloat16: Tolerance(output=2e-2, gradient=5e-2),
    torch.float16: Tolerance(output=3e-3, gradient=1e-2),
}


@dataclass(frozen=True, kw_only=True)
class Size:
    levels: Levels
    batch: int = 5
    heads: int = 8
    channels: int = 32
    points: int = 4

    @property
    def tokens(self) -> int:
        return sum(h * w for h, w in self.levels)

    @property
    def samples(self) -> int:
        """Of all queries: numbers of ``weight``, and half those of ``offset``."""
        return self.batch * self.tokens * self.heads * len(self.levels) * self.points

    @property
    def values(self) -> int:
        return self.batch * self.tokens * self.heads * self.channels

    @property
    def name(self) -> str:
        return "-".join(str(h) for h, _ in self.levels)


SIZES = tuple(Size(levels=tuple((n, n) for n in sides)) for sides in ((28, 14, 7), (56, 28, 14, 7)))
RATE = 0.15


def centres(size: Size, device: str) -> Tensor:
    return reference_points(size.levels)[None].to(device)


def offsets(size: Size, reference: Tensor, random: torch.Generator) -> Tensor:
    """To 0.1 .. 0.9 of a cell that is some cells away."""
    sides = torch.tensor([[w, h] for h, w in size.levels], device=reference.device)
    here = (reference * sides)[:, :, None, :, None]
    shape = (size.batch, size.tokens, size.heads, len(size.levels), size.points, 2)
    away = torch.randn(shape, generator=random, device=reference.device) * 3
    inside = torch.rand(shape, generator=random, device=reference.device) * 0.8 + 0.1
    return (here + away).floor() + inside + 0.5 - here


def work(size: Size, spikes: bool, options: Options, dtype: torch.dtype) -> Work:
    random = torch.Generator(options.device).manual_seed(0)
    shape = (size.batch, size.tokens, size.heads, size.channels)
    value = torch.rand(shape, generator=random, device=options.device)
    value = (value < RATE) if spikes else value * 2 - 1
    offset = offsets(size, centres(size, options.device), random)
    samples = len(size.levels) * size.points
    score = torch.randn((*offset.shape[:3], samples), generator=random, device=options.device)
    weight = score.softmax(-1).view(offset.shape[:-1])
    grad = torch.randn((*shape[:2], size.heads * size.channels), generator=random, device=options.device)
    inputs = {"value": value.to(dtype), "offset": offset, "weight": weight.to(dtype)}
    return Work(inputs={k: v.detach().requires_grad_() for k, v in inputs.items()}, grad=grad.to(dtype))


def reference(place: Tensor, levels: Levels) -> Function:
    def run(value: Tensor, offset: Tensor, weight: Tensor) -> Tensor:
        sampled = torch_form.deform_sample(value.float(), offset, weight.float(), place, levels)
        return sampled.to(value.dtype)

    return run


def ours(place: Tensor, levels: Levels, spikes: bool) -> Function:
    if spikes:
        return lambda value, offset, weight: deform_sample_counts(value, offset, weight, place, levels, most=1)
    return lambda value, offset, weight: deform_sample_kernel(value, offset, weight, place, levels)


def moved(size: Size, dtype: torch.dtype) -> Moved:
    """Forward: values, offsets, weights in, as many outputs out. Backward: those and the outputs' gradient in, three
    gradients out."""
    values, weights, places = size.values * dtype.itemsize, size.samples * dtype.itemsize, size.samples * 8
    once = values + weights + places
    return Moved(forward=once + values, backward=2 * once + values, input=values)


def contests(options: Options) -> Iterator[Contest]:
    for dtype, spikes, size, (name, peer) in product(options.dtypes, (False, True), SIZES, PEERS.items()):
        if options.device not in peer.devices:
            continue
        place = centres(size, options.device)
        yield Contest(
            op="deform",
            case=f"{'spikes' if spikes else 'real'}, levels {size.name}",
            peer=name,
            dtype=dtype,
            work=partial(work, size, spikes, options, dtype),
            reference=reference(place, size.levels),
            ours=ours(place, size.levels, spikes),
            rival=partial(peer.make, place, size.levels),
            moved=moved(size, dtype),
            tolerance=TOLERANCE[dtype],
            note=peer.note,
        )

"""The parity grid of deformable sampling: real values and counts, channels, levels, points, types; and its inputs.

Every case has locations far outside, on the border, without a number; weights that are 0; and an odd number of queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from layers.deform import deform_sample

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]

SIZES = {1: ((3, 5),), 2: ((8, 4), (1, 1)), 3: ((5, 7), (4, 2), (2, 2))}
# 16 bits: what is compared has one rounding to the type, and its numbers may have the size of their largest.
TOLERANCE = {torch.float32: (1e-5, 1e-4), torch.float16: (2.0**-9, 2.0**-8), torch.bfloat16: (2.0**-6, 2.0**-5)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """``planes`` 0: real values."""

    channels: int = 32
    levels: int = 3
    points: int = 4
    planes: int = 0
    signed: bool = False
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        kind = f"{'signed' if self.signed else ''}{self.planes}planes" if self.planes else "real"
        return f"{kind}-d{self.channels}-l{self.levels}p{self.points}-{str(self.dtype).removeprefix('torch.')}"

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        return SIZES[self.levels]

    @property
    def most(self) -> int:
        return 2**self.planes - 1

    def inputs(
        self,
        *,
        batch: int = 2,
        queries: int = 7,
        heads: int = 3,
        wide: bool = False,
        seed: int = 0,
        plain: bool = False,
    ) -> Inputs:
        """value, offset, weight, reference [1 or (``wide``) B, ...]. ``plain``: nothing extraordinary in it."""
        random = torch.Generator().manual_seed(seed)
        tokens = sum(h * w for h, w in self.sizes)
        shape = (batch, tokens, heads, self.channels)
        value = torch.randn(shape, generator=random)
        if self.planes:
            value = torch.randint(-self.most if self.signed else 0, self.most + 1, shape, generator=random).float()
        offset = 2.0 * torch.randn(batch, queries, heads, self.levels, self.points, 2, generator=random)
        weight = torch.randn(batch, queries, heads, self.levels, self.points, generator=random)
        reference = torch.rand(batch if wide else 1, queries, self.levels, 2, generator=random)
        if not plain:
            weight *= torch.rand(weight.shape, generator=random) > 0.3
            offset[0, 0, 0, 0, 0, 0] = torch.nan
            offset[0, 0, -1, 0, 0, 1] = torch.inf
            offset[0, 1, 0, 0, 0] = -torch.inf
            offset[-1, 2] = 1e30
            offset[-1, -1, :, -1] = -99.0
        return value.to(self.dtype), offset, weight.to(self.dtype), reference


def on_a_grid(case: Case, seed: int) -> Inputs:
    """Offsets and references in sixteenths of a pixel, weights in quarters, counts for values: every sum is exact.

    Locations then fall on pixel centres and on the border itself, too.
    """
    random = torch.Generator().manual_seed(seed)
    value, offset, weight, _ = case.inputs(batch=2, queries=9, seed=seed, plain=True)
    value = value.round()
    offset = torch.randint(-64, 65, offset.shape, generator=random) / 16
    weight = torch.randint(0, 5, weight.shape, generator=random) / 4
    sizes = torch.tensor([[w, h] for h, w in case.sizes]).float()
    reference = torch.randint(0, 33, (1, 9, case.levels, 2), generator=random) / 2 / sizes
    # W * (k / W) is not k for every W in float32; keep those that are.
    reference = torch.where((reference * sizes * 2).frac() == 0, reference, 0.0)
    return value, offset, weight, reference


def leaves(inputs: Inputs, dtype: torch.dtype | None = None) -> list[Tensor]:
    return [t.detach().to(dtype or t.dtype).requires_grad_() for t in inputs]


def by_reference(inputs: Inputs, case: Case, grad: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Value and gradients of ``layers.deform`` in float32."""
    mine = leaves(inputs, torch.float32)
    out = deform_sample(*mine, case.sizes)
    return out.detach(), list(torch.autograd.grad(out, mine, grad.float()))


def close(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    assert found.shape == wanted.shape
    torch.testing.assert_close(found.float(), wanted.float(), rtol=tolerance, atol=tolerance * _size(wanted))


def _size(wanted: Tensor) -> float:
    return max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0

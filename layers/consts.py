"""Recipes for fixed tensors: sine positions and reference points. Rebuilt from the op, never saved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi

import torch
from torch import Tensor, nn

from graph import ops

SINE_EPS = 1e-6


def sine_positions(
    height: int, width: int, channels: int, temperature: float = 10_000.0, *, normalised: bool = False
) -> Tensor:
    """[H W, C]: sin and cos of the row (first half of C) and of the column, counted from 1; ``normalised``: the last
    row, and the last column, is at 2 pi."""
    half = channels // 2
    frequency = temperature ** (2 * (torch.arange(half) // 2) / half)

    def encode(n: int) -> Tensor:
        place = torch.arange(1, n + 1) * (2 * pi / (n + SINE_EPS) if normalised else 1.0)
        phase = place[:, None] / frequency
        return torch.stack([phase[:, 0::2].sin(), phase[:, 1::2].cos()], -1).flatten(1)

    rows = encode(height)[:, None].expand(height, width, half)
    columns = encode(width)[None].expand(height, width, half)
    return torch.cat([rows, columns], -1).reshape(height * width, channels)


def reference_points(levels: tuple[tuple[int, ...], ...]) -> Tensor:
    """[sum H W, L, 2]: the centre of every token, (x, y) in 0..1, the same on every level."""
    centres = []
    for height, width in levels:
        y, x = torch.meshgrid((torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij")
        centres.append(torch.stack([x, y], -1).reshape(-1, 2))
    return torch.cat(centres)[:, None].expand(-1, len(levels), 2).contiguous()


def _sine(op: ops.Const, normalised: bool = False) -> Tensor:
    return torch.cat([sine_positions(h, w, op.dims[-1], normalised=normalised) for h, w in op.levels])


RECIPES: dict[str, Callable[[ops.Const], Tensor]] = {
    "zeros": lambda op: torch.zeros(op.dims),
    "sine": _sine,
    "sine_normalised": partial(_sine, normalised=True),
    "reference": lambda op: reference_points(op.levels),
}


class Constant(nn.Module):
    """Holds the tensor with a leading batch axis of 1, outside the state dict."""

    value: Tensor

    def __init__(self, op: ops.Const) -> None:
        super().__init__()
        if op.recipe not in RECIPES:
            raise ValueError(f"constant recipe '{op.recipe}' is not one of {sorted(RECIPES)}")
        self.register_buffer("value", RECIPES[op.recipe](op)[None], persistent=False)

    def forward(self) -> Tensor:
        return self.value

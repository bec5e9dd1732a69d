"""Weight initialisation by name, the recipe an op carries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

INIT: dict[str, Callable[[torch.Tensor], object]] = {
    "kaiming": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "normal": nn.init.normal_,
    "small": partial(nn.init.normal_, std=0.02),
    "zeros": nn.init.zeros_,
    "unit": nn.init.uniform_,
}


@torch.no_grad()
def initialise(weight: torch.Tensor, bias: torch.Tensor | None, recipe: str) -> None:
    if recipe not in INIT:
        raise ValueError(f"init recipe '{recipe}' is not one of {sorted(INIT)}")
    INIT[recipe](weight)
    if bias is not None:
        bias.zero_()


def deform_offset_bias(heads: int, levels: int, points: int) -> torch.Tensor:
    """Deformable DETR's start: each head looks along its own direction, point p at p + 1 pixels. [heads, L, P, 2]."""
    angle = torch.arange(heads, dtype=torch.float32) * (2 * torch.pi / heads)
    direction = torch.stack([angle.cos(), angle.sin()], -1)
    direction = direction / direction.abs().amax(-1, keepdim=True)
    reach = torch.arange(1, points + 1, dtype=torch.float32)
    return (direction[:, None, None] * reach[None, None, :, None]).expand(heads, levels, points, 2).contiguous()

"""The audio network is told what sounds: a classifier on its token, for training alone.

    loss = mean over frames in which something sounds of  -sum over classes y log softmax(W token + b),
    y = 1 / k for each of the k classes that sound

What is heard in a window is known where a dataset knows it; a mask tells the ear so much less that recordings of a
class that it has not heard stay strange to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from avs.losses.spec import TOKEN
from avs.precision import exact


def heard_loss(logits: Tensor, heard: Tensor) -> Tensor:
    """Logits [B, C], classes that sound [B, K], -1: none. 0 where all is silent."""
    told = torch.zeros_like(logits).scatter_add(1, heard.clamp(min=0), (heard >= 0).to(logits))
    count = told.sum(1, keepdim=True)
    rows = -(told / count.clamp(min=1) * logits.log_softmax(1)).sum(1)
    return rows.sum() / (count > 0).sum().clamp(min=1)


class Heard(nn.Module):
    """``shape``: of the token."""

    def __init__(self, shape: Sequence[int], classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(prod(shape), classes)

    def forward(self, outputs: Mapping[str, Tensor], heard: Tensor) -> Tensor:
        return heard_loss(exact(self.head(outputs[TOKEN].flatten(1))), heard)

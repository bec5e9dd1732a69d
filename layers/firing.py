"""``Firing``: what stands on a site and makes counts, whether it is a quantiser or a neuron."""

from __future__ import annotations

from torch import Tensor, nn


class Firing(nn.Module):
    """``forward`` makes counts n of u. ``on_site`` makes y of x: u = x / step, y = n step scale.

    A subclass whose ``on_site`` is quicker than these four passes over memory has its own.
    """

    def on_site(self, x: Tensor, step: Tensor, scale: float) -> Tensor:
        return self(x / step) * (step * scale)

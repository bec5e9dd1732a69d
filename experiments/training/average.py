"""A running mean of the weights, which often scores better than the last ones (Polyak and Juditsky 1992).

    mean <- decay mean + (1 - decay) weights     after every update, from the first weights on

Buffers, such as the statistics of norms, are the network's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Of all parameters of a module, sharded or whole."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.weights = dict(module.named_parameters())
        self.means = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self._mix = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(self) -> None:
        # A list must not mix sharded and whole tensors: one of each type at a time.
        for kind in {type(mean) for mean in self.means.values()}:
            names = [name for name, mean in self.means.items() if type(mean) is kind]
            self._mix([self.means[n] for n in names], [self.weights[n].detach() for n in names], 0)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module has the means for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self.weights.items():
            kept = weight.detach().clone()
            weight.copy_(self.means[name])
            self.means[name].copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """Whole, on the CPU; asked of all processes at once."""
        whole = {name: m.full_tensor() if isinstance(m, DTensor) else m for name, m in self.means.items()}
        return {name: mean.cpu() for name, mean in whole.items()}

    @torch.no_grad()
    def load(self, means: Mapping[str, Tensor]) -> None:
        for name, mean in self.means.items():
            value = means[name].to(mean.device)
            if isinstance(mean, DTensor):
                value = distribute_tensor(value, mean.device_mesh, mean.placements)
            mean.copy_(value)

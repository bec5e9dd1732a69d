"""``LibraryNeurons``: a site's neurons, stepped by another library's module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graph.neuron import Neuron
from snn.modules import TorchNeurons

UNDER = 1.0 - 2.0**-24  # the largest fp32 below 1: a library that fires above its threshold then fires from 1 on


class LibraryNeurons(TorchNeurons):
    """``library``: the other library's module, which is no child: our parameters keep their names."""

    def __init__(self, neuron: Neuron, signed: bool, steps: int, kernel: str) -> None:
        super().__init__(neuron, signed, steps)
        self.kernel = f"none: {kernel}"

    def steps_of(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x [T, B, ...], already in units of a count, and the membrane [B, ...] -> counts, the membrane after them."""
        raise TypeError(f"{type(self).__name__} does not say how its library steps")

    def sequence(self, x: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None) -> Tensor:
        x = x if norm is None else norm(x)
        x = x if unit_step is None else x / unit_step
        x = x.unflatten(0, (self.steps, -1))
        return self.steps_of(x, self.init_state(x[0]))[0].flatten(0, 1)

    def step(
        self, x: Tensor, state: Tensor, unit_step: Tensor | None = None, norm: nn.Module | None = None
    ) -> tuple[Tensor, Tensor]:
        x = x if norm is None else norm(x)
        x = x if unit_step is None else x / unit_step
        counts, state = self.steps_of(x[None], state)
        return counts[0], state

    def hold(self, module: Any) -> None:
        """Keep the library's module beside the children."""
        self.__dict__["held"] = module

    @property
    def library(self) -> Any:
        return self.__dict__["held"]


def looped(step: Any, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """A module that takes one step at a time, over all of them."""
    counts = []
    for current in x:
        fired, state = step(current, state)
        counts.append(fired)
    return torch.stack(counts), state

"""A loss that is no number ends a run, with the first place where it went wrong and the batch to look at again.

``--replay FILE`` runs that batch once more, through the same weights with the same random numbers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from common.files import whole_file
from experiments.errors import UserError
from graph.graph import Node
from graph.lower import Network, observe

ADVICE = "a lower train.lr, a longer train.warmup or a smaller train.clip often helps"


class NotFinite(UserError):
    """A step whose loss or gradient is nan or infinite; its weights were not touched."""


@dataclass(frozen=True, kw_only=True)
class Random:
    """The state of all that is drawn at random, of this process."""

    general: Tensor
    loss: Tensor
    cuda: Tensor | None = None

    @classmethod
    def now(cls, generator: torch.Generator, device: torch.device) -> Random:
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(general=torch.get_rng_state(), loss=generator.get_state(), cuda=cuda)

    def restore(self, generator: torch.Generator, device: torch.device) -> None:
        torch.set_rng_state(self.general)
        generator.set_state(self.loss)
        if self.cuda is not None and device.type == "cuda":
            torch.cuda.set_rng_state(self.cuda, device)


class _Bad(Exception):
    pass


def first_bad(network: Network, batch: dict[str, Tensor]) -> str:
    """The first place, in order of computation, that is not finite, in training; "" if there is none. The network is
    left as it was."""
    for name, parameter in network.named_parameters():
        if not bool(parameter.isfinite().all()):
            return f"the weights {name}"

    def see(node: Node, inputs: tuple[Tensor, ...], value: Tensor) -> None:
        if not bool(value.isfinite().all()):
            raise _Bad(f"node {node.name} ({type(node.op).__name__})")

    try:
        observe(copy.deepcopy(network), {name: batch[name] for name in ("image", "logmel")}, see, training=True)
    except _Bad as place:
        return str(place)
    return ""


def bad_terms(terms: dict[str, Tensor]) -> str:
    return ", ".join(name for name, value in terms.items() if name != "loss" and not bool(value.isfinite().all()))


def bad_gradient(module: nn.Module) -> str:
    """Where: at parameters whose own is nan or infinite, or in the sum of squares of large ones."""
    largest = {n: float(p.grad.abs().max()) for n, p in module.named_parameters() if p.grad is not None}
    bad = [name for name, size in largest.items() if not isfinite(size)]
    if bad:
        return f"the gradient of {len(bad)} parameters is not (first {bad[0]})"
    name = max(largest, key=lambda n: largest[n])
    return f"the gradient is too large to be measured (at most {largest[name]:.1e}, at {name})"


def save(path: Path, content: dict[str, Any]) -> None:
    with whole_file(path) as file:
        torch.save(content, file)


def load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return {key: content[key] for key in ("step", "network", "batch", "clip", "random", "frozen")}
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, UnpicklingError) as error:
        raise UserError(f"replay is '{path}', which cannot be read ({error}), expected a file bad-step-N.pt") from error

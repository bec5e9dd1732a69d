"""Every node that multiplies, as it ran on some frames: what our accountant counted, and what it read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from energy.columns import Counts
from energy.counters import count
from energy.observe import Seen, observe
from graph.lower import Network

WEIGHTED, PRODUCT, SAMPLING = "weighted op", "product", "sampling"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``events``: additions by our count, of all frames; ``dense``: its MACs, all steps; ``inputs``: what it read, [L,
    ...] as counts where they are; ``module``: its weights, where it has any, as a plain layer of torch."""

    name: str
    kind: str
    events: int
    nonzero: int
    dense: int
    frames: int
    inputs: tuple[Tensor, ...]
    module: nn.Conv2d | nn.Linear | None


def plain(module: nn.Module) -> nn.Conv2d | nn.Linear:
    """The same layer as torch ships it, in fp64, so that sums of whole numbers are exact."""
    made: nn.Conv2d | nn.Linear
    if isinstance(module, nn.Conv2d):
        made = nn.Conv2d(
            module.in_channels,
            module.out_channels,
            module.kernel_size,  # type: ignore[arg-type]
            stride=module.stride,  # type: ignore[arg-type]
            padding=module.padding,  # type: ignore[arg-type]
            dilation=module.dilation,  # type: ignore[arg-type]
            groups=module.groups,
            bias=module.bias is not None,
        )
    elif isinstance(module, nn.Linear):
        made = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
    else:
        raise TypeError(f"expected a convolution or a linear layer, found {type(module).__name__}")
    made.load_state_dict({k: module.state_dict()[k] for k in made.state_dict()})
    return made.double()


def _kind(seen: Seen) -> str:
    if seen.op.weighted:
        return WEIGHTED
    return PRODUCT if len(seen.op.events_on) > 1 else SAMPLING


def layers(network: Network, batches: Iterable[Mapping[str, Tensor]]) -> list[Layer]:
    """One entry a node and batch."""
    found: list[Layer] = []

    def see(seen: Seen) -> None:
        if not seen.op.events_on:
            return
        counts: Counts = count(seen)
        kind = _kind(seen)
        found.append(
            Layer(
                name=seen.node.name,
                kind=kind,
                events=int(np.sum(counts.ac_w) + np.sum(counts.ac_int)),
                nonzero=int(np.sum(counts.nonzero_macs)),
                dense=int(seen.macs * seen.steps * seen.run.samples),
                frames=seen.run.samples,
                inputs=tuple(seen.inputs[i].double() for i in seen.op.events_on),
                module=plain(seen.module()) if kind == WEIGHTED else None,
            )
        )

    for batch in batches:
        with torch.no_grad():
            observe(network, batch, see)
    return found

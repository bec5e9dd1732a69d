"""Where a run computes: the device that its settings name, and what is moved there.

A network is made, folded, snapped and saved on the CPU; it is placed on the device to be trained, scored or counted.
Batches follow the network.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from experiments.device_names import AUTO
from graph.lower import Network


def device_of(name: str) -> torch.device:
    """ "auto" is the first GPU where there is one, else the CPU; "cuda" is the first GPU."""
    if name == AUTO:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cuda", 0) if name == "cuda" else torch.device(name)


def placed(network: Network, device: torch.device) -> Network:
    network.to(device)
    return network


def moved(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}

"""The numbers of a file into a network: every one of them, as it was saved, or an error that names the first misfit.

A deployed file also holds the constants, for the event runner; the graph rebuilds them, and they must be the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from common.words import nearest
from graph.lower.network import Network
from graph.ops import Const

# Sine and cosine differ in the last digits from one processor to another.
CONSTANT_TOLERANCE = 1e-5


def _constants(network: Network) -> dict[str, Tensor]:
    nodes = [n for n in network.graph.nodes.values() if isinstance(n.op, Const)]
    return {n.weights: network.get_submodule(n.weights).value[0].cpu() for n in nodes}  # type: ignore[union-attr,index]


def _described(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}"


def misfit(key: str, value: Tensor, wanted: Tensor) -> str:
    """Why a tensor cannot be what a network has under that key, or nothing."""
    if (value.dtype, value.shape) != (wanted.dtype, wanted.shape):
        return f"'{key}' is {_described(value)}, expected {_described(wanted)}"
    if value.is_floating_point() and not bool(value.isfinite().all()):
        bad = int((~value.isfinite()).sum())
        return f"'{key}' holds {bad} values that are not finite numbers, expected none"
    return ""


def check(network: Network, state: Mapping[str, Tensor], file: Path | str) -> None:
    """``state`` is what ``network`` saves, with or without its constants, and nothing else."""
    wanted, constants = network.state_dict(), _constants(network)
    lacking = [k for k in wanted if k not in state]
    if lacking:
        raise ValueError(f"{file} lacks {len(lacking)} keys of the graph, first '{lacking[0]}'")
    for key, value in state.items():
        if key not in wanted and key not in constants:
            close = nearest(key, wanted)
            raise ValueError(f"{file} has the key '{key}', which no node of the graph owns; nearest: '{close}'")
        if problem := misfit(key, value, wanted.get(key, constants.get(key, value))):
            raise ValueError(f"{file}: {problem}")
        if key not in wanted and not torch.allclose(value, constants[key], rtol=0, atol=CONSTANT_TOLERANCE):
            raise ValueError(f"{file}: the constant '{key}' is not the one that the graph describes")


def fill(network: Network, state: Mapping[str, Tensor], file: Path | str) -> Network:
    """``network`` with those numbers, in eval mode."""
    check(network, state, file)
    network.load_state_dict({k: state[k] for k in network.state_dict()})
    return network.eval()

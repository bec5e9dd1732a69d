"""What our deformable sampling is measured against. All take (value, offset, weight) and a case's own constants.

``per channel`` is the design of the first CUDA kernels for it (``deform_per_channel.cu``), written here for the
comparison: on a CPU it only passes its parity check, on a GPU it is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from kernels.io_types import IO
from kernels.launch import launch
from kernels.source import Build
from layers.deform_grid import deform_sample_grid
from tools.bench.lif_peers import compiled
from tools.bench.parity import Function

Levels = tuple[tuple[int, int], ...]
THREADS = 256  # of a forward block


def grid_sample(reference: Tensor, levels: Levels) -> Function:
    """In float32, as under autocast: torch samples in the type of the locations."""

    def run(value: Tensor, offset: Tensor, weight: Tensor) -> Tensor:
        return deform_sample_grid(value.float(), offset, weight.float(), reference, levels).to(value.dtype)

    return run


def inductor(reference: Tensor, levels: Levels) -> Function:
    return compiled(grid_sample(reference, levels))


def build(dtype: torch.dtype, levels: int, points: int, channels: int, fibres: bool) -> Build:
    """``fibres``: threads of a block that wait for each other, on a CPU."""
    constants = (("IO", IO[dtype]), ("LEVELS", levels), ("POINTS", points), ("D", channels))
    more = (("SHIM_FIBRES", 1),) if fibres else ()
    names = ("per_channel_forward", "per_channel_backward")
    return Build("deform_per_channel.cu", names, (*constants, *more), "tools.bench")


def table_of(levels: Levels, device: torch.device) -> Tensor:
    """[L, 3]: height, width, first token."""
    starts = [sum(h * w for h, w in levels[:n]) for n in range(len(levels))]
    rows = [(h, w, start) for (h, w), start in zip(levels, starts, strict=True)]
    return torch.tensor(rows, dtype=torch.int64, device=device)


class PerChannel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(value, offset, weight, reference, table)
        batch, tokens, heads, channels = value.shape
        queries, points = offset.shape[1], offset.shape[4]
        what = build(value.dtype, len(table), points, channels, value.device.type == "cpu")
        out = value.new_empty(batch, queries, heads * channels)
        numbers = (batch, tokens, queries, heads, len(reference))
        grid = (ceil(out.numel() / THREADS), 1, 1)
        args = (value, offset, weight, reference, table, out, *numbers)
        launch(what, "per_channel_forward", grid, THREADS, args, value.device)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        value, offset, weight, reference, table = ctx.saved_tensors
        batch, tokens, heads, channels = value.shape
        queries, points = offset.shape[1], offset.shape[4]
        what = build(value.dtype, len(table), points, channels, value.device.type == "cpu")
        by_value = torch.zeros_like(value, dtype=torch.float32)
        by_offset, by_weight = torch.empty_like(offset), torch.empty_like(weight)
        given = (value, offset, weight, reference, table, grad.contiguous(), by_value, by_offset, by_weight)
        numbers = (batch, tokens, queries, heads, len(reference))
        grid = (batch * queries * heads, 1, 1)
        launch(what, "per_channel_backward", grid, channels, (*given, *numbers), value.device)
        return by_value.to(value.dtype), by_offset, by_weight, None, None


def per_channel(reference: Tensor, levels: Levels) -> Function:
    table = table_of(levels, reference.device)
    return lambda value, offset, weight: PerChannel.apply(value, offset, weight, reference, table)


@dataclass(frozen=True, kw_only=True)
class Peer:
    make: Callable[[Tensor, Levels], Function]
    devices: tuple[str, ...] = ("cpu", "cuda")
    note: str = ""


PEERS = {
    "grid_sample": Peer(make=grid_sample, note="layers/deform_grid.py"),
    "inductor": Peer(make=inductor, note="torch.compile of layers/deform_grid.py"),
    "per channel": Peer(make=per_channel, devices=("cuda",), note="tools/bench/deform_per_channel.cu"),
}

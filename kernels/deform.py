"""The host's side of ``deform.cu`` (a GPU) and ``deform_slice.cpp`` (a CPU): what a call needs, and its grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil

import torch
from torch import Tensor

from kernels.deform_form import Form
from kernels.io_types import IO
from kernels.launch import launch
from kernels.source import Build
from kernels.spike_words import words_per_row

Levels = tuple[tuple[int, int], ...]

THREADS = 128  # of a block, on a GPU


@cache
def table_of(levels: Levels, device: torch.device) -> Tensor:
    """[L, 3]: height, width and first token of a level. Kept, so that no later launch copies anything."""
    rows, start = [], 0
    for height, width in levels:
        rows.append((height, width, start))
        start += height * width
    return torch.tensor(rows, dtype=torch.int64, device=device)


def tokens_of(levels: Levels) -> int:
    return sum(height * width for height, width in levels)


@dataclass(frozen=True, kw_only=True)
class Call:
    """Contiguous tensors. One of ``value`` [B, S, h, d] (of weight's type) and ``words`` is there; offset and reference
    are float32."""

    offset: Tensor
    weight: Tensor
    reference: Tensor
    levels: Levels
    channels: int
    value: Tensor | None = None
    words: Tensor | None = None
    signed: bool = False

    @property
    def batch(self) -> int:
        return self.offset.shape[0]

    @property
    def queries(self) -> int:
        return self.offset.shape[1]

    @property
    def heads(self) -> int:
        return self.offset.shape[2]

    @property
    def device(self) -> torch.device:
        return self.offset.device

    @property
    def value_shape(self) -> tuple[int, int, int, int]:
        return (self.batch, tokens_of(self.levels), self.heads, self.channels)

    @property
    def inputs(self) -> tuple[Tensor | None, ...]:
        table = table_of(self.levels, self.device)
        return (self.value, self.words, self.offset, self.weight, self.reference, table)

    @property
    def numbers(self) -> tuple[int, ...]:
        return (self.batch, tokens_of(self.levels), self.queries, self.reference.shape[0])

    def form(self, fixed: bool = False) -> Form:
        return Form(
            dtype=self.weight.dtype,
            levels=len(self.levels),
            points=self.offset.shape[4],
            channels=self.channels,
            planes=0 if self.words is None else len(self.words) - self.signed,
            signed=self.signed,
            fixed=fixed,
        )


def check(call: Call) -> None:
    """Shapes that would read beyond the end."""
    batch, queries, heads, count, points, _ = call.offset.shape
    source, width = ("value", call.channels) if call.words is None else ("words", words_per_row(call.channels))
    found = call.value if call.words is None else call.words[0]
    wanted = {
        source: (found, (*call.value_shape[:3], width)),
        "offset": (call.offset, (batch, queries, heads, len(call.levels), points, 2)),
        "weight": (call.weight, (batch, queries, heads, count, points)),
        "reference": (call.reference, (call.reference.shape[0], queries, count, 2)),
    }
    for name, (tensor, shape) in wanted.items():
        if tensor is None or tensor.shape != shape:
            raise ValueError(f"{name} has shape {tuple(() if tensor is None else tensor.shape)}, expected {shape}")
    if call.reference.shape[0] not in (1, batch):
        raise ValueError(f"reference has a batch of {call.reference.shape[0]}, expected 1 or {batch}")
    if call.weight.dtype not in IO:
        names = ", ".join(str(t).removeprefix("torch.") for t in IO)
        raise TypeError(f"deformable sampling is asked for {call.weight.dtype}, expected one of {names}")


def room(call: Call) -> Tensor:
    """For the output, [B, Q, h d]."""
    return call.weight.new_empty(call.batch, call.queries, call.heads * call.channels)


def by_slices(call: Call, kernel: str, *more: Tensor | None, parts: int = 1) -> None:
    """On a CPU a call of the kernel owns a (head, batch), or a part of its queries."""
    grid = (1, call.heads, call.batch * parts)
    launch(call.form().slices(), kernel, grid, 1, (*call.inputs, *more, *call.numbers), call.device)


def by_threads(call: Call, what: Build, kernel: str, *more: Tensor | None) -> None:
    threads = call.queries * int(dict(what.constants)["TPH"])
    grid = (ceil(threads / THREADS), call.heads, call.batch)
    launch(what, kernel, grid, THREADS, (*call.inputs, *more, *call.numbers), call.device)


def forward(call: Call) -> Tensor:
    """-> [B, Q, h d]."""
    check(call)
    out = room(call)
    if not out.numel():
        return out
    if call.device.type == "cpu":
        parts = ceil(torch.get_num_threads() / (call.heads * call.batch))
        by_slices(call, "deform_forward", out, parts=min(parts, 4))  # every part copies its slice together
    else:
        by_threads(call, call.form().threads(), "deform_forward", out)
    return out


def fixed_scale(grad: Tensor, weight: Tensor, most: int) -> Tensor:
    """[2]: 2^k and 2^-k, so that ``most`` terms of at most max|grad| max|weight| add up below 2^62.

    Found on the device. Where a term is not finite there is no such k, and the whole gradient becomes NaN.
    """
    bound = grad.abs().amax().double() * weight.abs().amax().double() * most
    power = (62 - bound.clamp(min=1e-30).log2().ceil()).clamp(-120, 120)
    scale = torch.stack([power.exp2(), (-power).exp2()])
    return torch.where(bound.isfinite(), scale, torch.nan).float()


def threads_backward(call: Call, what: Build, grad: Tensor, *others: Tensor) -> Tensor:
    """deform.cu's gradient of the values; ``others``, of offset and weight, are filled. A token's gradient has at most
    one term a query and point of its level."""
    scale = None
    if dict(what.constants)["FIXED"]:
        scale = fixed_scale(grad, call.weight, call.queries * call.offset.shape[4])
    kind = torch.float32 if scale is None else torch.int64
    total = torch.zeros(call.value_shape, dtype=kind, device=call.device)
    by_threads(call, what, "deform_backward", grad, scale, total, *others)
    by_value = total if scale is None else total.double() * scale[1]
    return by_value.to(call.weight.dtype)


def backward(call: Call, grad: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of value, offset and weight. ``deterministic`` matters on a GPU; on a CPU there is but one order."""
    check(call)
    others = (torch.empty_like(call.offset), torch.empty_like(call.weight))
    if not grad.numel() or not call.offset.numel():
        return call.weight.new_zeros(call.value_shape), others[0].zero_(), others[1].zero_()
    if call.device.type != "cpu":
        return threads_backward(call, call.form(deterministic).threads(), grad, *others), *others
    by_value = call.weight.new_empty(call.value_shape)
    by_slices(call, "deform_backward", grad, None, by_value, *others)
    return by_value, *others


def events(call: Call, unary: bool = False) -> Tensor:
    """[B, h] int64: the additions that a forward pass over spikes makes, exactly; ``unary``: those that there
    are event by event, under weights of 0 too."""
    check(call)
    total = torch.zeros(call.batch, call.heads, dtype=torch.int64, device=call.device)
    if call.offset.numel():
        grid = (ceil(call.queries / THREADS), call.heads, call.batch)
        args = (*call.inputs[1:], total, *call.numbers)
        launch(call.form().counter(unary), "deform_events", grid, THREADS, args, call.device)
    return total

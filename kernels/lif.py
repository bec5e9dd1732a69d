"""The host's side of ``lif.cu``: which build a call needs, its grid, and chunks of T.

A membrane stays in registers for up to 8 steps. A longer T is cut in chunks; the membranes between them are found again
in the backward pass by running forward once more, so that nothing but the input is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import torch
from torch import Tensor

from kernels.dynamics import Dynamics
from kernels.launch import launch
from kernels.layout import Cut, cut, membrane_like
from kernels.lif_form import Form, lanes

STEPS = 8  # at most in one launch
THREADS = 128  # of a block, on a GPU


@dataclass(frozen=True, kw_only=True)
class Call:
    """What forward and backward share. Tensors are dense and in the order of x; ``v0`` and the affine are float32.
    ``centre``, a number per channel: scale's gradient is the sum over x - centre, which is well conditioned."""

    x: Tensor
    dynamics: Dynamics
    v0: Tensor | None = None
    rate: Tensor | None = None
    scale: Tensor | None = None
    bias: Tensor | None = None
    residual: Tensor | None = None
    step: Tensor | None = None
    centre: Tensor | None = None
    channel: int = 1

    @cached_property
    def cut(self) -> Cut:
        return cut(self.x, None if self.scale is None else self.channel)

    @cached_property
    def affine(self) -> tuple[Tensor | None, Tensor | None]:
        return self.cut.along(self.scale), self.cut.along(self.bias)

    @property
    def lanes(self) -> int:
        return lanes(self.x.device.type, self.x.dtype)

    @cached_property
    def pieces(self) -> list[slice]:
        if not self.x.numel():
            return []
        return [slice(t, min(t + STEPS, len(self.x))) for t in range(0, len(self.x), STEPS)]

    def run(
        self, kernel: str, steps: slice, start: Tensor | None, spikes: str, last: bool, *more: Tensor | None
    ) -> None:
        """Launch on some steps. ``start``: the membrane before them; ``more``: the kernel's own tensors."""
        x, side, where = self.x[steps], part(self.residual, steps), self.cut
        on_cpu = x.device.type == "cpu"
        touched = [] if on_cpu else [t for t in (x, side, *more) if t is not None and t.ndim == x.ndim]
        form = Form(
            device=x.device.type,
            dtype=x.dtype,
            steps=len(x),
            cut=where,
            rate=self.rate is not None,
            init=start is not None,
            residual=side is not None,
            step=self.step is not None,
            centre=self.centre is not None,
            spikes=spikes,
            last=last,
            aligned=all(t.data_ptr() % 16 == 0 for t in touched),
        )
        threads = where.groups * where.chunks(lanes(x.device.type, x.dtype, spikes))
        block = 1 if on_cpu else THREADS
        numbers = (x[0].numel(), where.rows, where.width, where.channels, *self.dynamics.numbers)
        args = (x, start, self.rate, *self.affine, side, self.step, *more, *numbers)
        launch(form.build(self.dynamics), kernel, (ceil(threads / block), 1, 1), block, args, x.device)


def part(x: Tensor | None, steps: slice) -> Tensor | None:
    return None if x is None else x[steps]


def room_for_spikes(x: Tensor, spikes: str, signed: bool) -> Tensor:
    """ "bits": [T, ceil(N / 8)], lowest bit first, in the order of memory."""
    if spikes == "bits":
        return torch.empty(len(x), ceil(x[0].numel() / 8), dtype=torch.uint8, device=x.device)
    return torch.empty_like(x, dtype=x.dtype if spikes == "same" else torch.int8 if signed else torch.uint8)


def start_of(call: Call) -> Tensor:
    """The membrane before the first step, as a tensor."""
    return membrane_like(call.x).fill_(call.dynamics.start) if call.v0 is None else call.v0.clone()


def forward(call: Call, spikes: str, last: bool) -> tuple[Tensor, Tensor]:
    """Spikes, and the membrane after the last step (empty unless ``last``)."""
    out = room_for_spikes(call.x, spikes, call.dynamics.signed)
    membrane, pieces = call.v0, call.pieces
    for steps in pieces:
        leaves = last or steps is not pieces[-1]
        end = membrane_like(call.x) if leaves else None
        call.run("lif_forward", steps, membrane, spikes, leaves, out[steps], end)
        membrane = end
    if not last:
        return out, call.x.new_empty(0, dtype=torch.float32)
    return out, start_of(call) if not pieces or membrane is None else membrane


def borders(call: Call) -> list[Tensor | None]:
    """The membrane in front of every chunk, found again; the spikes are thrown away."""
    found = [call.v0]
    for steps in call.pieces[:-1]:
        spikes, end = room_for_spikes(call.x[steps], "bytes", call.dynamics.signed), membrane_like(call.x)
        call.run("lif_forward", steps, found[-1], "bytes", True, spikes, end)
        found.append(end)
    return found


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """None for what the call has not, and where a gradient is x's own."""

    x: Tensor
    v0: Tensor | None = None
    rate: Tensor | None = None
    scale: Tensor | None = None
    bias: Tensor | None = None
    residual: Tensor | None = None
    step: Tensor | None = None


def backward(call: Call, grad_spikes: Tensor, grad_last: Tensor | None) -> Gradients:
    """``residual`` stays None without an affine: its gradient is that of x."""
    x, where, pieces = call.x, call.cut, call.pieces
    threads = where.groups * where.chunks(call.lanes)
    sums = where.groups * where.width if where.affine == 2 else threads

    def room(wanted: Tensor | None, count: int) -> Tensor | None:
        return None if wanted is None else x.new_empty(len(pieces), count, dtype=torch.float32)

    by_rate, by_step = room(call.rate, threads), room(call.step, threads)
    by_scale, by_bias = room(call.scale, sums), room(call.scale, sums)
    grad_x = torch.empty_like(x)
    grad_side = torch.empty_like(x) if call.residual is not None and call.scale is not None else None
    grad_v, starts = grad_last, borders(call)
    for n, steps in reversed(list(enumerate(pieces))):
        below = None if starts[n] is None else membrane_like(x)
        partial = [None if p is None else p[n] for p in (by_rate, by_step, by_scale, by_bias)]
        grads = (grad_spikes[steps], grad_v, grad_x[steps], part(grad_side, steps), below)
        tensors = (where.along(call.centre), *grads, *partial)
        call.run("lif_backward", steps, starts[n], "same", grad_v is not None, *tensors)
        grad_v = below
    if call.v0 is not None and not pieces:
        grad_v = torch.zeros_like(call.v0)
    return Gradients(
        x=grad_x,
        v0=None if call.v0 is None else grad_v,
        rate=None if by_rate is None else by_rate.sum(),
        scale=None if by_scale is None else where.per_channel(by_scale.flatten(), call.lanes),
        bias=None if by_bias is None else where.per_channel(by_bias.flatten(), call.lanes),
        residual=grad_side,
        step=None if by_step is None else by_step.sum(),
    )

"""The host's side of batch norm and neuron in one: ``lif.cu`` between the passes of ``channel_affine.cu``.

norm(x) = scale x + bias', scale = weight / sqrt(var + eps), bias' = bias - mean scale: the neuron's own affine. Of a
batch, mean and var depend on x. With g the gradient of norm(x), M elements a channel, and the sums over them:

    dx = scale (g - sum(g) / M - (x - mean) sum(g (x - mean)) / (M (var + eps)))

The neuron's backward leaves scale g and both sums; ``channel_correct`` adds the rest, in place. x is flat: [T B, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Any

import torch
from torch import Tensor

from kernels import lif as host
from kernels.dynamics import loads
from kernels.io_types import IO
from kernels.layout import Cut, cut
from kernels.lif_form import lanes
from kernels.plan import FLOAT, Plan, address, kept, launch_of
from kernels.source import Build

KERNELS = ("channel_moments", "channel_numbers", "channel_totals", "channel_correct")
MEAN, VAR, INVERSE, SCALE, BIAS = range(5)  # the rows of ``numbers``


@cache
def build(device: str, dtype: torch.dtype, affine: int, span: int, sums: bool) -> Build:
    constants = (("VEC", lanes(device, dtype)), ("IO", IO[dtype]), ("AFFINE", affine), ("SPAN", span))
    more = (("SUMS", int(sums)), ("SUMMED", int(device != "cpu")))
    return Build("channel_affine.cu", KERNELS, (*constants, *more))


@dataclass(frozen=True, kw_only=True)
class Running:
    """A norm's running statistics, float32 on x's device, which a batch moves. ``momentum`` None: the mean of all the
    ``tracked`` batches, this one included."""

    mean: Tensor
    var: Tensor
    tracked: Tensor
    momentum: float | None


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a call is, besides its tensors. ``channel``: a dimension of flat x, not negative; ``batch``: mean and
    variance are x's own."""

    dynamics: str
    steps: int
    channel: int
    eps: float
    batch: bool
    momentum: float | None = None


class Normed:
    """The launches for one shape of x."""

    def __init__(self, x: Tensor, spec: Spec, step: bool, rate: bool) -> None:
        of_a_step = cut(x.unflatten(0, (spec.steps, -1)), spec.channel + 1)
        one = replace(of_a_step, rows=of_a_step.rows * spec.steps)  # a step is a whole number of times all channels
        self.spec, self.where, self.elements = spec, one, x.numel() // max(x.shape[spec.channel], 1)
        self.channels, self.columns = one.channels, one.channels * one.repeat
        self.width, on_cpu = lanes(x.device.type, x.dtype), x.device.type == "cpu"
        self.added_up = not on_cpu  # what threads leave, before a kernel reads it
        threads = one.groups * one.chunks(self.width)
        self.parts = one.groups * one.width if one.affine == 2 else threads
        what = build(x.device.type, x.dtype, one.affine, one.span, spec.batch)
        per_thread = ceil(self.channels / self.width) if on_cpu else self.channels

        def run(kernel: str, count: int, *numbers: float) -> Callable[..., None]:
            return launch_of(what, kernel, count, numbers, x.device)

        sizes = (one.rows, one.width)
        inner = x.stride(spec.channel) if self.channels > 1 else 1
        momentum = -1.0 if spec.momentum is None else spec.momentum
        self.moments = run("channel_moments", threads, *sizes, self.channels)
        self.numbers = run(
            "channel_numbers", per_thread, self.channels, one.repeat, inner, *self.left_by(one, self.parts),
            self.elements, spec.eps, float(momentum),
        )  # fmt: skip
        self.correct = run("channel_correct", threads, *sizes, self.channels, 1.0 / self.elements)
        self.neurons = None
        if spec.steps <= host.STEPS:
            self.neurons = Plan(x, spec.steps, spec.channel, loads(spec.dynamics), step, rate, True)
            steps = self.neurons.threads if on_cpu else 1
            rest = self.left_by(self.neurons.cut, self.neurons.sums)
            self.totals = run("channel_totals", per_thread, self.channels, one.repeat, *rest, steps)
        self.whole = run("channel_totals", per_thread, self.channels, one.repeat, 1, 1, 0)

    def left_by(self, where: Cut, numbers: int) -> tuple[int, int]:
        """How threads leave ``numbers`` numbers: count x channels x chunks."""
        if self.added_up:
            return 1, 1
        chunks = 1 if where.affine == 2 else where.chunks(self.width)
        return numbers // (self.channels * chunks), chunks

    def sum_of(self, parts: Tensor, where: Cut, dtype: torch.dtype | None = None) -> Tensor:
        """[2, parts] -> [2, channels], where the kernel does not do it itself."""
        return where.per_channel(parts, self.width, dtype) if self.added_up else parts

    def numbers_of(
        self,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor | None,
        var: Tensor | None,
        running: Running | None = None,
    ) -> Tensor:
        """[5, columns] of tensors in float32; ``running`` moves."""
        sums = squares = 0
        if self.spec.batch:
            parts = torch.empty(2, self.parts, dtype=torch.float32, device=x.device)
            sums, squares = parts.data_ptr(), parts.data_ptr() + FLOAT * self.parts
            self.moments(x.data_ptr(), sums, squares)
            if self.added_up:
                parts = self.sum_of(parts, self.where, torch.float64)
                sums, squares = parts.data_ptr(), parts[1].data_ptr()
        found = torch.empty(5, self.columns, dtype=torch.float32, device=x.device)
        moved = (0, 0, 0)
        if running is not None:
            running.tracked.add_(1)
            moved = (running.mean.data_ptr(), running.var.data_ptr(), running.tracked.data_ptr())
        self.numbers(
            x.data_ptr(), sums, squares, address(mean), address(var), address(weight), address(bias), *moved,
            found.data_ptr(),
        )  # fmt: skip
        return found

    def row(self, numbers: Tensor, which: int) -> int:
        """Its address."""
        return numbers.data_ptr() + FLOAT * self.columns * which

    def _call(self, x: Tensor, numbers: Tensor, step: Tensor | None, rate: Tensor | None) -> host.Call:
        """More steps than a plan holds."""
        rows = numbers[:, : self.channels]
        return host.Call(
            x=x.unflatten(0, (self.spec.steps, -1)),
            dynamics=loads(self.spec.dynamics),
            rate=rate,
            scale=rows[SCALE],
            bias=rows[BIAS],
            step=step,
            centre=rows[MEAN],
            channel=self.spec.channel + 1,
        )

    def forward(self, x: Tensor, numbers: Tensor, step: Tensor | None, rate: Tensor | None) -> Tensor:
        if self.neurons is None:
            return host.forward(self._call(x, numbers, step, rate), "same", False)[0].flatten(0, 1)
        return self.neurons.forward(x, step, rate, self.row(numbers, SCALE), self.row(numbers, BIAS))

    def backward(
        self, grad: Tensor, x: Tensor, numbers: Tensor, step: Tensor | None, rate: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The gradients of x, of weight and bias [2, channels], of step and of rate."""
        totals = torch.empty(2, self.columns, dtype=torch.float32, device=x.device)
        inverse = self.row(numbers, INVERSE)
        by_step = by_rate = None
        if self.neurons is None:
            left = host.backward(self._call(x, numbers, step, rate), grad.unflatten(0, (self.spec.steps, -1)), None)
            by_x, by_step, by_rate = left.x.flatten(0, 1), left.step, left.rate
            self.whole(address(left.scale), address(left.bias), 0, inverse, totals.data_ptr(), 0)
        else:
            plan, rows = self.neurons, [self.row(numbers, n) for n in (SCALE, BIAS, MEAN)]
            by_x, parts = plan.backward(grad, x, step, rate, *rows)
            by_step = None if step is None else torch.empty((), dtype=torch.float32, device=x.device)
            if rate is not None:
                by_rate = parts[2 * plan.sums + plan.threads * plan.step :].sum()
            first, steps = parts.data_ptr(), parts.data_ptr() + 2 * FLOAT * plan.sums
            second = first + FLOAT * plan.sums
            if self.added_up:
                summed = plan.cut.per_channel(parts[: 2 * plan.sums].view(2, -1), self.width)
                first, second = summed.data_ptr(), summed[1].data_ptr()
                of_steps = parts[2 * plan.sums : 2 * plan.sums + plan.threads].sum() if plan.step else None
                steps = address(of_steps)
            self.totals(first, second, steps, inverse, totals.data_ptr(), address(by_step))
        if self.spec.batch:
            rows = [self.row(numbers, n) for n in (MEAN, INVERSE, SCALE)]
            self.correct(
                x.data_ptr(), *rows, totals.data_ptr(), totals.data_ptr() + FLOAT * self.columns, by_x.data_ptr()
            )
        return by_x, totals[:, : self.channels], by_step, by_rate


_NORMED: dict[Hashable, Any] = {}


def normed_of(x: Tensor, spec: Spec, step: bool, rate: bool) -> Normed:
    key = (x.shape, x.stride(), x.dtype, x.device, spec.dynamics, spec.steps, spec.channel, spec.eps, spec.batch)
    plan: Normed = kept(_NORMED, (*key, spec.momentum, step, rate), lambda: Normed(x, spec, step, rate))
    return plan

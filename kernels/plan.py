"""``Plan``: the neuron's kernels for inputs of one shape, worked out once.

The host's side of a launch takes longer than the kernel of a small map, and a network launches hundreds of times in a
step: the cut of memory, the build and the numbers depend on shapes alone and are kept. What is left of a call is
pointers. For at most ``STEPS`` steps and without a membrane in or out; anything else is ``kernels.lif``'s.

x is flat here: [T B, ...], T-major.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from math import ceil
from typing import Any

import torch
from torch import Tensor

from kernels.dynamics import Dynamics, loads
from kernels.launch import prepared
from kernels.layout import cut, is_dense
from kernels.lif import STEPS, THREADS
from kernels.lif_form import Form, lanes
from kernels.source import Build

FLOAT = 4  # bytes
KEPT = 4096  # plans; a network of many shapes has some hundreds


def address(x: Tensor | None) -> int:
    return 0 if x is None else x.data_ptr()


def single(x: Tensor | None) -> Tensor | None:
    """In float32, as the kernels read it."""
    if x is None:
        return None
    x = x.detach()
    return x if x.dtype == torch.float32 and x.is_contiguous() else x.float().contiguous()


def launch_of(
    what: Build, kernel: str, threads: int, numbers: tuple[float, ...], device: torch.device
) -> Callable[..., None]:
    """Of pointers; ``numbers`` follow them."""
    block = 1 if device.type == "cpu" else THREADS
    return prepared(what, kernel, (ceil(threads / block), 1, 1), block, numbers, device)


@lru_cache(KEPT)
def lies_dense(shape: torch.Size, stride: tuple[int, ...], steps: int) -> bool:
    return is_dense(torch.empty_strided(shape, stride, device="meta").unflatten(0, (steps, -1)))


def ready(x: Tensor, steps: int) -> Tensor:
    """Dense, step after step; on a GPU on 16 bytes, which a view need not be: its loads are that wide."""
    x = x.detach()
    if not lies_dense(x.shape, x.stride(), steps):
        x = x.contiguous()
    return x.clone() if x.device.type != "cpu" and x.data_ptr() % 16 else x


def in_order(x: Tensor, grad: Tensor) -> Tensor:
    """A gradient in the type and order of x, and where x may lie."""
    if grad.dtype != x.dtype or grad.stride() != x.stride() or (x.device.type != "cpu" and grad.data_ptr() % 16):
        return torch.empty_like(x).copy_(grad)
    return grad


class Plan:
    """``channel``: the dimension of flat x that an affine belongs to, None: there is none. ``sums``: how many numbers
    the backward kernel leaves of each, of scale and of bias; ``threads``: of step and of rate."""

    def __init__(
        self, x: Tensor, steps: int, channel: int | None, dynamics: Dynamics, step: bool, rate: bool, centre: bool
    ) -> None:
        view = x.unflatten(0, (steps, -1))
        self.cut = cut(view, None if channel is None else channel + 1)
        self.lanes = lanes(x.device.type, x.dtype)
        self.threads = self.cut.groups * self.cut.chunks(self.lanes)
        self.sums = 0 if channel is None else self.threads
        if self.cut.affine == 2:
            self.sums = self.cut.groups * self.cut.width
        self.step, self.rate = step, rate
        form = Form(device=x.device.type, dtype=x.dtype, steps=steps, cut=self.cut, rate=rate, step=step, centre=centre)
        numbers = (view[0].numel(), self.cut.rows, self.cut.width, self.cut.channels, *dynamics.numbers)
        what = form.build(dynamics)
        self._forward = launch_of(what, "lif_forward", self.threads, numbers, x.device)
        self._backward = launch_of(what, "lif_backward", self.threads, numbers, x.device)

    def forward(self, x: Tensor, step: Tensor | None, rate: Tensor | None, scale: int = 0, bias: int = 0) -> Tensor:
        """Counts. ``scale`` and ``bias`` are addresses, of one number a column."""
        out = torch.empty_like(x)
        self._forward(x.data_ptr(), 0, address(rate), scale, bias, 0, address(step), out.data_ptr(), 0)
        return out

    def backward(
        self,
        grad: Tensor,
        x: Tensor,
        step: Tensor | None,
        rate: Tensor | None,
        scale: int = 0,
        bias: int = 0,
        centre: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """The gradient of x, and what the threads leave to be added up: of scale and bias ``sums`` numbers each, then
        of step and of rate ``threads`` numbers each, where they are there."""
        by_x = torch.empty_like(x)
        left = torch.empty(2 * self.sums + self.threads * (self.step + self.rate), dtype=torch.float32, device=x.device)
        first = left.data_ptr()
        after = first + 2 * FLOAT * self.sums
        self._backward(
            x.data_ptr(), 0, address(rate), scale, bias, 0, address(step), centre, grad.data_ptr(), 0,
            by_x.data_ptr(), 0, 0,
            after + FLOAT * self.threads * self.step, after,
            first, first + FLOAT * self.sums,
        )  # fmt: skip
        return by_x, left

    def step_and_rate(self, left: Tensor) -> tuple[Tensor | None, Tensor | None]:
        start = 2 * self.sums
        by_step = left[start : start + self.threads].sum() if self.step else None
        return by_step, left[start + self.threads * self.step :].sum() if self.rate else None


def kept(plans: dict[Hashable, Any], key: Hashable, make: Callable[[], Any]) -> Any:
    """``plans[key]``, made if it is not there. Plans hold no memory of a device."""
    plan = plans.get(key)
    if plan is None:
        if len(plans) >= KEPT:
            plans.clear()
        plan = plans[key] = make()
    return plan


_PLANS: dict[Hashable, Any] = {}


def fits(x: Tensor, steps: int) -> bool:
    """Else ``kernels.lif`` has to cut the steps into pieces, or there is nothing to do."""
    return steps <= STEPS and x.numel() > 0


def plan_of(x: Tensor, steps: int, dynamics: str, step: bool, rate: bool) -> Plan:
    """Of neurons without an affine; x is ``ready`` and ``fits``."""
    key = (x.shape, x.stride(), x.dtype, x.device, steps, dynamics, step, rate)
    plan: Plan = kept(_PLANS, key, lambda: Plan(x, steps, None, loads(dynamics), step, rate, False))
    return plan

"""The neurons of a site as the networks call them: x flat, [T B, ...], no membrane in or out.

Outside of every compiler this is an autograd function over ``kernels.plan``; else, and for more steps than a plan
holds, the operator of ``kernels.lif_ops``, which gives the same bits.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from kernels.dynamics import Dynamics
from kernels.eager import is_plain, without_dispatcher
from kernels.lif_ops import lif
from kernels.plan import fits, in_order, plan_of, ready, single


def _forward(x: Tensor, step: Tensor | None, rate: Tensor | None, dynamics: str, steps: int) -> Tensor:
    x = ready(x, steps)
    plan = plan_of(x, steps, dynamics, step is not None, rate is not None)
    return plan.forward(x, single(step), single(rate))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, step, rate, *ctx.rest = inputs
    ctx.save_for_backward(x, step, rate)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, step, rate = ctx.saved_tensors
    dynamics, steps = ctx.rest
    x = ready(x, steps)
    plan = plan_of(x, steps, dynamics, step is not None, rate is not None)
    by_x, left = plan.backward(in_order(x, grad), x, single(step), single(rate))
    found = plan.step_and_rate(left)
    small = [None if t is None or g is None else g.to(t.dtype) for t, g in zip((step, rate), found, strict=True)]
    return by_x, *small, None, None


Neurons = without_dispatcher("Neurons", _forward, _keep, _backward)


def neurons(
    x: Tensor, dynamics: Dynamics, steps: int, *, step: Tensor | None = None, rate: Tensor | None = None
) -> Tensor:
    """Counts neuron(x / step) of x [T B, ...], T-major."""
    if is_plain(x) and fits(x, steps):
        counts: Tensor = Neurons.apply(x, step, rate, dynamics.text, steps)
        return counts
    return lif(x.unflatten(0, (steps, -1)), dynamics, rate=rate, step=step).flatten(0, 1)

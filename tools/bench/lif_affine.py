"""A norm's affine, and a residual, inside the neuron's pass: against torch's norm, its sum, and our neuron alone.

x [T, B, C, H, W]. The statistics are given, as in inference; the gradients of gamma and beta are part of the pass. All
are powers of two, so that the norm's own order of rounding cannot move a spike.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from graph.neuron import Neuron
from kernels.ops import lif
from snn.native import dynamics
from snn.neurons import integrate_and_fire
from tools.bench.contest import Contest, Moved, Options
from tools.bench.lif import GRADIENT, currents
from tools.bench.lif_peers import compiled
from tools.bench.parity import Function, Tolerance, Work

CHANNELS, SIDE = 64, 28
EPS = 0.125


def shape_of(steps: int, neurons: int) -> tuple[int, ...]:
    """As near to ``neurons`` a step as whole images of 64 channels and 28 x 28 come."""
    return steps, max(1, round(neurons / (CHANNELS * SIDE * SIDE))), CHANNELS, SIDE, SIDE


def statistics(like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance."""
    return torch.full_like(like, 0.25), torch.full_like(like, 0.25 - EPS)


def short(x: Tensor) -> Tensor:
    """In 16 bits: multiples of 1/8, so that the norm's output and its sum with the residual are exact there too."""
    return x if x.dtype == torch.float32 else (x * 8).round() / 8


def work(shape: tuple[int, ...], residual: bool, spec: Neuron, options: Options, dtype: torch.dtype) -> Work:
    x = short(currents(shape, spec, options, dtype))
    random = torch.Generator(options.device).manual_seed(2)
    power = torch.randint(-2, 1, (2, CHANNELS), generator=random, device=options.device)
    gamma, beta = 2.0 ** power.float()
    inputs = {"x": x, "gamma": gamma, "beta": beta}
    if residual:
        inputs["residual"] = x.flip(0).contiguous() / 2
    return Work(inputs={k: v.detach().requires_grad_() for k, v in inputs.items()}, grad=torch.randn_like(x))


def affine(gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    mean, variance = statistics(gamma)
    scale = gamma * (variance + EPS).rsqrt()
    return scale, beta - mean * scale


def ours(spec: Neuron) -> Function:
    numbers = dynamics(spec)

    def run(x: Tensor, gamma: Tensor, beta: Tensor, residual: Tensor | None = None) -> Tensor:
        scale, bias = affine(gamma, beta)
        return lif(x, numbers, scale=scale, bias=bias, residual=residual, channel=2)

    return run


def unfused(neuron: Function) -> Function:
    def run(x: Tensor, gamma: Tensor, beta: Tensor, residual: Tensor | None = None) -> Tensor:
        mean, variance = statistics(gamma)
        y = F.batch_norm(x.flatten(0, 1), mean, variance, gamma, beta, eps=EPS).unflatten(0, x.shape[:2])
        return neuron(y if residual is None else y + residual)

    return run


def reference(spec: Neuron) -> Function:
    def run(x: Tensor, gamma: Tensor, beta: Tensor, residual: Tensor | None = None) -> Tensor:
        scale, bias = (v[:, None, None] for v in affine(gamma, beta))
        current = x.float() * scale + bias
        current = current if residual is None else current + residual.float()
        return integrate_and_fire(current, spec).to(x.dtype)

    return run


def _alone(spec: Neuron) -> Function:
    return unfused(partial(lif, dynamics=dynamics(spec)))


def _compiled(spec: Neuron) -> Function:
    return compiled(unfused(partial(integrate_and_fire, spec=spec)))


RIVALS = {"norm, then ours": _alone, "inductor, norm and reference": _compiled}


def contests(options: Options) -> Iterator[Contest]:
    sizes = product(options.dtypes, options.steps, options.neurons, (False, True))
    for dtype, steps, neurons, residual in sizes:
        spec = Neuron(kind="lif", levels=1, reset="hard")
        shape = shape_of(steps, neurons)
        size = torch.Size(shape).numel() * dtype.itemsize
        for name, rival in RIVALS.items():
            yield Contest(
                op="lif",
                case=f"affine{' + residual' if residual else ''}, {'x'.join(map(str, shape))}, hard reset",
                peer=name,
                dtype=dtype,
                work=partial(work, shape, residual, spec, options, dtype),
                reference=reference(spec),
                ours=ours(spec),
                rival=partial(rival, spec),
                moved=Moved(forward=(2 + residual) * size, backward=(3 + 2 * residual) * size, input=size),
                tolerance=Tolerance(gradient=10 * GRADIENT[dtype]),  # of gamma: a sum over all images
            )

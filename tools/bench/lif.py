"""Multi-step LIF: T steps of N neurons, against libraries, the reference, and the reference compiled.

The currents are odd multiples of a power of two, and tau is 2. Then every sum is exact in float32, in any order, and no
membrane is ever at the threshold: libraries that fire above it compute the same function as those that fire at it. A
membrane stays below two thresholds, where snnTorch's soft reset would take off two.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

import torch
from torch import Tensor

from graph.neuron import Neuron, Reset
from kernels.ops import lif
from snn.native import dynamics
from snn.neurons import integrate_and_fire
from tools.bench.contest import Contest, Moved, Options
from tools.bench.lif_peers import PEERS
from tools.bench.parity import Function, Tolerance, Work

RESETS: tuple[Reset, ...] = ("hard", "soft")
ROUGH = 4099  # neurons of the second parity check: not whole vectors
GRADIENT = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}


def currents(shape: tuple[int, ...], spec: Neuron, options: Options, dtype: torch.dtype) -> Tensor:
    """(2 k + 1) 2^-14 in (-1, 3), or half of that where the input is not decayed."""
    random = torch.Generator(options.device).manual_seed(0)
    k = torch.randint(-(2**13), 3 * 2**13, shape, generator=random, device=options.device)
    unit = 2.0**-14 if spec.decay_input else 2.0**-15
    return ((2 * k + 1) * unit).to(dtype)


def work(shape: tuple[int, ...], spec: Neuron, options: Options, dtype: torch.dtype) -> Work:
    x = currents(shape, spec, options, dtype)
    return Work(inputs={"x": x.requires_grad_()}, grad=torch.randn_like(x))


def rough(steps: int, options: Options, dtype: torch.dtype) -> Work:
    """Any numbers, where rounding shows."""
    random = torch.Generator(options.device).manual_seed(1)
    x = torch.randn(steps, ROUGH, generator=random, device=options.device).mul(1.5).add(0.5).to(dtype)
    return Work(inputs={"x": x.requires_grad_()}, grad=torch.randn_like(x))


def ours(spec: Neuron) -> Function:
    numbers = dynamics(spec)
    return lambda x: lif(x, numbers)


def contests(options: Options) -> Iterator[Contest]:
    for dtype, steps, neurons, reset in product(options.dtypes, options.steps, options.neurons, RESETS):
        for name, peer in PEERS.items():
            if dtype not in peer.dtypes:
                continue
            spec = peer.spec(Neuron(kind="lif", levels=1, reset=reset))
            size = steps * neurons * dtype.itemsize
            yield Contest(
                op="lif",
                case=f"T={steps}, N={neurons}, {reset} reset",
                peer=name,
                dtype=dtype,
                work=partial(work, (steps, neurons), spec, options, dtype),
                also=partial(rough, steps, options, dtype),
                reference=partial(integrate_and_fire, spec=spec),
                ours=ours(spec),
                rival=partial(peer.make, spec),
                absent=peer.missing(options.device),
                # x in, spikes out; then x and the gradient of the spikes in, the gradient of x out.
                moved=Moved(forward=2 * size, backward=3 * size, input=size),
                tolerance=Tolerance(gradient=GRADIENT[dtype]),
                note=peer.note,
            )

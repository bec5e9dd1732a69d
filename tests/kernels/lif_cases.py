"""The parity grid of ``lif.cu``: every (type, reset, detach, surrogate), the rest dealt out in turn; and its inputs.

A case is one build or two; each is run at every size, so that the grid is wide and the compiler's work small.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import get_args

import torch
from torch import Tensor

from graph.neuron import Neuron, Surrogate
from kernels.dynamics import Dynamics
from kernels.ops import lif_op
from snn.native import dynamics
from snn.neurons import at_rest, integer_lif_from, integrate_and_fire_from, signed_integrate_and_fire_from

SURROGATES = get_args(Surrogate)
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
STEPS = (1, 3, 4, 8, 17)
SIZES = (1, 7, 8, 1000, 12293)
# float32: as the reference, but for the order of operations. 16 bits: one rounding to the type.
TOLERANCE = {torch.float32: 1e-5, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}


@dataclass(frozen=True)
class Case:
    dtype: torch.dtype
    spec: Neuron
    steps: int
    signed: bool = False
    membrane: bool = False  # start from a given one, and give the last one back
    learnt: bool = False  # 1/tau is a tensor with a gradient

    def __str__(self) -> str:
        s = self.spec
        words = [str(self.dtype).removeprefix("torch."), s.kind, s.reset, s.surrogate, f"T{self.steps}"]
        flags = {"detach": s.detach_reset, "signed": self.signed, "membrane": self.membrane, "learnt": self.learnt}
        return "-".join(words + [name for name, on in flags.items() if on])

    @property
    def dynamics(self) -> Dynamics:
        return dynamics(self.spec, self.signed)


def binary_cases() -> list[Case]:
    found = []
    grid = product(DTYPES, ("soft", "hard"), (True, False), SURROGATES)
    for n, (dtype, reset, detach, surrogate) in enumerate(grid):
        kind = ("lif", "lif", "if")[n % 3]
        spec = Neuron(
            kind=kind,
            levels=1,
            tau=(2.0, 1.7)[n % 2],
            decay_input=n % 4 != 3,
            threshold=(1.0, 0.9)[n % 2],
            reset=reset,
            v_reset=0.1 if reset == "hard" else 0.0,
            v_init=(0.0, 0.5)[n % 2],
            detach_reset=detach,
            surrogate=surrogate,
            alpha=(2.0, 3.0)[n // 2 % 2],
        )
        found.append(
            Case(
                dtype,
                spec,
                steps=STEPS[n % 5],
                signed=reset == "soft" and n % 8 > 5,
                membrane=n % 2 == 1,
                learnt=kind == "lif" and n % 4 > 1,
            )
        )
    return found


def counting_cases() -> list[Case]:
    grid = product(DTYPES, (True, False), (True, False))
    return [
        Case(
            dtype,
            Neuron(kind="ilif", levels=4, tau=2.0, detach_reset=detach),
            steps=steps,
            signed=signed,
            membrane=n % 2 == 0,
        )
        for n, (dtype, signed, detach) in enumerate(grid)
        for steps in ((1, STEPS[1 + n % 4]) if detach else (STEPS[1 + n % 4],))
    ]


CASES = binary_cases() + counting_cases()


def currents(case: Case, neurons: int, device: str = "cpu") -> Tensor:
    """Half of them multiples of 1/4 (many ties with the threshold), a few infinite or no number; not contiguous."""
    random = torch.Generator().manual_seed(neurons)
    steps = case.steps
    x = torch.randn(neurons, steps, generator=random) * (3.0 if case.spec.kind == "ilif" else 1.5) + 0.5
    x[::2] = (4 * x[::2]).round() / 4
    if neurons >= 1000:
        x[3, -1], x[5, 0], x[6, 0] = float("nan"), float("inf"), float("-inf")
    return x.t().to(case.dtype).to(device)


@dataclass
class Result:
    spikes: Tensor
    membrane: Tensor
    gradients: list[Tensor]  # of x, then of v0 and of 1/tau where the case has them


def leaves(case: Case, neurons: int, device: str) -> list[Tensor]:
    found = [currents(case, neurons, device)]
    random = torch.Generator().manual_seed(neurons + 1)
    if case.membrane:
        found.append(torch.randn(neurons, generator=random).to(device))
    if case.learnt:
        found.append(torch.tensor(0.4, device=device))
    return [t.detach().requires_grad_() for t in found]


def probed(case: Case, inputs: list[Tensor], spikes: Tensor, membrane: Tensor) -> Result:
    """The gradients of one random projection of what came out."""
    random = torch.Generator().manual_seed(3)
    probes = [torch.randn(t.shape, generator=random).to(t) for t in (spikes, membrane)]
    outputs = [spikes, membrane] if case.membrane else [spikes]
    found = torch.autograd.grad(outputs, inputs, probes[: len(outputs)])
    return Result(spikes.detach(), membrane.detach(), list(found))


def by_kernel(case: Case, neurons: int, device: str = "cpu") -> Result:
    inputs = leaves(case, neurons, device)
    v0 = inputs[1] if case.membrane else None
    rate = inputs[-1] if case.learnt else None
    text = case.dynamics.text
    spikes, membrane = lif_op(inputs[0], v0, rate, None, None, None, None, text, 0, "same", case.membrane)
    return probed(case, inputs, spikes, membrane)


def by_reference(case: Case, neurons: int, device: str = "cpu") -> Result:
    inputs = leaves(case, neurons, device)
    x, spec = inputs[0], case.spec
    rate = inputs[-1] if case.learnt else None
    if spec.kind == "ilif":
        spikes, membrane = integer_lif_from(x, inputs[1] if case.membrane else None, spec, case.signed)
    else:
        zero = torch.zeros_like(x[0], dtype=torch.float32)
        start = inputs[1] if case.membrane else zero if case.signed else at_rest(x[0], spec)
        run = signed_integrate_and_fire_from if case.signed else integrate_and_fire_from
        spikes, membrane = run(x, start, spec, rate)
    return probed(case, inputs, spikes, membrane)


def compare(case: Case, mine: Result, wanted: Result) -> None:
    """Spikes and membrane bit for bit; gradients within the type's tolerance, a sum's relative to its terms."""
    same = {"rtol": 0.0, "atol": 0.0, "equal_nan": True}
    torch.testing.assert_close(mine.spikes, wanted.spikes, **same)
    if case.membrane:
        torch.testing.assert_close(mine.membrane, wanted.membrane, **same)
    bound = TOLERANCE[case.dtype]
    for found, reference in zip(mine.gradients, wanted.gradients, strict=True):
        terms = wanted.gradients[0].float().nan_to_num(0, 0, 0).abs().sum().item() if found.ndim == 0 else 1.0
        torch.testing.assert_close(found, reference, rtol=bound, atol=bound * terms, equal_nan=True)

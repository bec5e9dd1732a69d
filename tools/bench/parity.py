"""Whether two functions are the same one on some inputs: output, and the gradient of every input that wants one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Function = Callable[..., Tensor]
Outcome = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Work:
    """``inputs`` by name, in the order of the function's arguments; ``grad``: that of the output."""

    inputs: dict[str, Tensor]
    grad: Tensor

    @property
    def wanted(self) -> dict[str, Tensor]:
        return {name: x for name, x in self.inputs.items() if x.requires_grad}

    def forward(self, function: Function) -> Tensor:
        """As in inference: nothing is kept for a backward pass."""
        with torch.no_grad():
            return function(*self.inputs.values())

    def both(self, function: Function) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Output and gradients, all of them new tensors."""
        out = function(*self.inputs.values())
        return out, torch.autograd.grad(out, tuple(self.wanted.values()), self.grad)

    def outcome(self, function: Function) -> Outcome:
        out, gradients = self.both(function)
        names = (f"the gradient of {name}" for name in self.wanted)
        return {"the output": out.detach(), **dict(zip(names, gradients, strict=True))}


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Of the largest difference, in units of the largest number (at least 1). ``output`` None: bit for bit."""

    output: float | None = None
    gradient: float = 1e-5


def _error(ours: Tensor, expected: Tensor) -> float:
    difference = (ours.double() - expected.double()).abs().max()
    return float(difference / expected.double().abs().max().clamp(min=1.0))


def disagreement(ours: Outcome, expected: Outcome, tolerance: Tolerance) -> str | None:
    """The first thing that is off, in words; None if nothing is."""
    for name, should in expected.items():
        is_ = ours[name]
        if is_.shape != should.shape or is_.dtype != should.dtype:
            return f"{name} is {is_.dtype} {tuple(is_.shape)}, expected {should.dtype} {tuple(should.shape)}"
        if name == "the output" and tolerance.output is None:
            wrong = int((is_ != should).sum())
            if wrong:
                return f"{name} differs in {wrong} of {should.numel()} elements"
            continue
        limit = tolerance.output if name == "the output" else tolerance.gradient
        assert limit is not None
        error = _error(is_, should)
        if not error <= limit:  # also where it is no number
            return f"{name} is off by {error:.1e}, expected at most {limit:.0e}"
    return None

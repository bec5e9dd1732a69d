"""A site: optional norm, then counts. Quantised and spiking dialect differ in the ``Neurons`` that it is given.

u = (gain norm(x) + shift) / step;   n = neurons(u), an integer in [0, D] or [-D, D]

Folded, for inference, the norm, the gain and the step have become numbers per channel:

* one step (``ThresholdSite``): n = #{d : s x >= upper_d} - #{d : s x <= lower_d}. D compares, no multiply.
* T steps (``FoldedSite``): n = neurons((s x + bias) / theta).

s = -1 flips the comparison where the norm's gamma is negative. ``unit``: what the counts that it reads are worth.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graph import ops
from layers.neurons import Neurons
from layers.weighted import norm, per_channel


class SpikeSite(nn.Module):
    """Training form. ``step`` is a parameter (learnt as in LSQ, through the straight-through count) or a buffer.

    ``front``: a norm of the graph that feeds this site alone, and whose owner it is not; it then reads that norm's
    input, and norm and neurons are one pass where there is a kernel."""

    step: Tensor

    def __init__(self, op: ops.Firing, fire: Neurons) -> None:
        super().__init__()
        assert op.site is not None
        self.gain, self.shift = op.gain_shift
        self.norm = norm(op.site.norm) if op.site.norm else None
        step = torch.tensor(op.site.step)
        if op.site.learn:
            self.step = nn.Parameter(step)
        else:
            self.register_buffer("step", step)
        self.fire = fire
        self.lend(None)

    def lend(self, front: nn.Module | None) -> None:
        self.__dict__["front"] = front  # not a child: its parameters keep their one name

    def read(self, x: Tensor, unit: Tensor | float | None) -> tuple[Tensor, nn.Module | None, Tensor | None]:
        """What its neurons are given: a value, the norm that it goes through, the step that divides it."""
        norm = self.__dict__["front"] if self.norm is None else self.norm
        x = x if unit is None else x * unit
        if not self.shift:
            return x, norm, self.step
        return (x if norm is None else norm(x)) * self.gain + self.shift, None, self.step

    def forward(self, x: Tensor, unit: Tensor | None = None) -> Tensor:
        x, norm, step = self.read(x, unit)
        return self.fire(x, step, norm)


def compare(how: Callable[..., Tensor], x: Tensor, threshold: Tensor, into: Tensor) -> Tensor:
    """1 where it holds, else 0, as x's type; a bool in between takes six times as long."""
    return how(x, threshold).to(x.dtype) if torch.compiler.is_compiling() else how(x, threshold, out=into)


class ThresholdSite(nn.Module):
    """Folded, one step: compares only. Buffers ``sign`` [C], ``upper`` and (if signed) ``lower`` [D, C], ``step``."""

    sign: Tensor
    upper: Tensor
    lower: Tensor
    step: Tensor

    def __init__(self, op: ops.Firing) -> None:
        super().__init__()
        site = op.site
        assert site is not None and site.folded
        self.axis, self.levels, self.signed = site.axis, site.levels, site.signed
        self.register_buffer("sign", torch.ones(site.channels))
        self.register_buffer("upper", torch.zeros(site.levels, site.channels))
        if site.signed:
            self.register_buffer("lower", torch.zeros(site.levels, site.channels))
        self.register_buffer("step", torch.tensor(1.0))

    def forward(self, x: Tensor, unit: Tensor | None = None) -> Tensor:
        x = ((x if unit is None else x * unit) * per_channel(self.sign, x.ndim, self.axis)).detach()
        n, crossed = torch.zeros_like(x), torch.empty_like(x)
        for level in range(self.levels):
            n += compare(torch.ge, x, per_channel(self.upper[level], x.ndim, self.axis), crossed)
            if self.signed:
                n -= compare(torch.le, x, per_channel(self.lower[level], x.ndim, self.axis), crossed)
        return n


class FoldedSite(nn.Module):
    """Folded, T steps: the neurons themselves, on s x + bias with threshold theta, all per channel."""

    sign: Tensor
    bias: Tensor
    theta: Tensor
    step: Tensor

    def __init__(self, op: ops.Firing, fire: Neurons) -> None:
        super().__init__()
        site = op.site
        assert site is not None and site.folded
        self.axis = site.axis
        for name, value in (("sign", 1.0), ("bias", 0.0), ("theta", 1.0)):
            self.register_buffer(name, torch.full((site.channels,), value))
        self.register_buffer("step", torch.tensor(1.0))
        self.fire = fire

    def read(self, x: Tensor, unit: Tensor | float | None) -> tuple[Tensor, nn.Module | None, Tensor | None]:
        """What its neurons are given; no norm and no step are left."""
        x = x if unit is None else x * unit
        sign, bias, theta = (per_channel(v, x.ndim, self.axis) for v in (self.sign, self.bias, self.theta))
        return (x * sign + bias) / theta, None, None

    def forward(self, x: Tensor, unit: Tensor | None = None) -> Tensor:
        return self.fire(self.read(x, unit)[0])

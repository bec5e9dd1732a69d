"""A site: optional norm, then counts, then counts x step. Quantised and spiking dialect differ in ``fire`` alone.

u = (gain x + shift) / step;  n = fire(u), an integer in [0, D] or [-D, D];  y = n * step * scale.

Folded, for inference, the norm, the gain and the step have become per-channel numbers, and y = n * step with
step = 1 or a power of two:

* one step (``ThresholdSite``): n = #{d : s x >= upper_d} - #{d : s x <= lower_d}. D compares, no multiply.
* T steps (``FoldedSite``): n = fire((s x + bias) / theta): the neuron integrates s x + bias against theta.

s = -1 flips the comparison where the norm's gamma is negative.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graph import ops
from layers.firing import Firing
from layers.weighted import norm


def gain_shift_scale(op: ops.Firing) -> tuple[float, float, float]:
    """How each op reads its input and scales its counts: a gate is centred on one half, a score is under 2**-k."""
    if isinstance(op, ops.Gate):
        return (0.25 if op.fn == "sigmoid" else 1.0), 0.5, 1.0
    return 1.0, 0.0, op.scale if isinstance(op, ops.Act | ops.Score) else 1.0


class SpikeSite(nn.Module):
    """Training form. ``step`` is a parameter (learnt as in LSQ, through the straight-through count) or a buffer.

    Division by the step, counts and product are one function of ``fire``: ``on_site``.
    """

    step: Tensor

    def __init__(self, op: ops.Firing, fire: Firing) -> None:
        super().__init__()
        assert op.site is not None
        self.gain, self.shift, self.scale = gain_shift_scale(op)
        self.norm = norm(op.site.norm) if op.site.norm else None
        step = torch.tensor(op.site.step)
        if op.site.learn:
            self.step = nn.Parameter(step)
        else:
            self.register_buffer("step", step)
        self.fire = fire
        self.levels, self.signed = op.site.levels, op.site.signed

    def forward(self, x: Tensor) -> Tensor:
        if self.norm is not None:
            x = self.norm(x)
        if self.shift:
            x = x * self.gain + self.shift
        return self.fire.on_site(x, self.step, self.scale)


def _per_channel(values: Tensor, rank: int, axis: int) -> Tensor:
    """[..., C] against [B, C, H, W] (axis 0) or [B, ..., C] (axis -1)."""
    if axis < 0:
        return values
    return values.reshape(*values.shape, *(1 for _ in range(rank - 2)))


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

    def counts(self, x: Tensor) -> Tensor:
        x = x * _per_channel(self.sign, x.ndim, self.axis)
        n = torch.zeros_like(x)
        for level in range(self.levels):
            n = n + (x >= _per_channel(self.upper[level], x.ndim, self.axis)).to(x.dtype)
            if self.signed:
                n = n - (x <= _per_channel(self.lower[level], x.ndim, self.axis)).to(x.dtype)
        return n

    def forward(self, x: Tensor) -> Tensor:
        return self.counts(x) * self.step


class FoldedSite(nn.Module):
    """Folded, T steps: the neuron itself, on s x + bias with threshold theta, all per channel."""

    sign: Tensor
    bias: Tensor
    theta: Tensor
    step: Tensor

    def __init__(self, op: ops.Firing, fire: Firing) -> None:
        super().__init__()
        site = op.site
        assert site is not None and site.folded
        self.axis = site.axis
        for name, value in (("sign", 1.0), ("bias", 0.0), ("theta", 1.0)):
            self.register_buffer(name, torch.full((site.channels,), value))
        self.register_buffer("step", torch.tensor(1.0))
        self.fire = fire

    def forward(self, x: Tensor) -> Tensor:
        sign, bias, theta = (_per_channel(v, x.ndim, self.axis) for v in (self.sign, self.bias, self.theta))
        return self.fire((x * sign + bias) / theta) * self.step

"""Pure multi-step neurons. x [T, ...] in, spikes [T, ...] out; no state outlives the call, so nothing is to be reset.

IF, LIF and PLIF, in this order, in fp32 whatever the dtype of x:

    H = V + (X - (V - Vr)) / tau      (or  V - (V - Vr) / tau + X  without ``decay_input``;  V + X for IF)
    S = [H >= theta]
    V = H - theta S  (soft)    or    V = S Vr + (1 - S) H  (hard)

I-LIF (integer counts; Luo et al., ECCV 2024):  U = beta (U - S) + X,  S = round(clip(U, 0, D)), straight-through.
``signed`` clips at -D. At T = 1 it is the (D + 1)-level quantiser: the same function as the quantised ANN's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from layers.quantise import clip_round
from snn.spec import NeuronSpec
from snn.surrogates import fire


def charge(x: Tensor, v: Tensor, spec: NeuronSpec, rate: Tensor | float) -> Tensor:
    """H of one step. ``rate`` is 1/tau: a number, or a tensor where it is learnt."""
    rest = spec.v_reset if spec.reset == "hard" else 0.0
    if spec.kind == "if":
        return v + x
    if spec.decay_input:
        return v + (x - (v - rest)) * rate
    return v - (v - rest) * rate + x


def reset(h: Tensor, s: Tensor, spec: NeuronSpec) -> Tensor:
    s = s.detach() if spec.detach_reset else s
    if spec.reset == "hard":
        return s * spec.v_reset + (1 - s) * h
    return h - spec.threshold * s


def integrate_and_fire(x: Tensor, spec: NeuronSpec, rate: Tensor | float | None = None) -> Tensor:
    """IF, LIF, PLIF."""
    rate = 1.0 / spec.tau if rate is None else rate
    v = torch.full_like(x[0], spec.v_init + (spec.v_reset if spec.reset == "hard" else 0.0), dtype=torch.float32)
    spikes = []
    for current in x.float().unbind(0):
        h = charge(current, v, spec, rate)
        s = fire(h - spec.threshold, spec.surrogate, spec.alpha)
        v = reset(h, s, spec)
        spikes.append(s)
    return torch.stack(spikes).to(x.dtype)


def integer_lif(x: Tensor, spec: NeuronSpec, signed: bool = False) -> Tensor:
    """I-LIF: counts in [0, D]."""
    beta = 1.0 - 1.0 / spec.tau
    first, *later = x.float().unbind(0)
    u = first  # U and S start at 0
    counts = [clip_round(u, spec.levels, signed)]
    for current in later:
        s = counts[-1].detach() if spec.detach_reset else counts[-1]
        u = beta * (u - s) + current
        counts.append(clip_round(u, spec.levels, signed))
    spikes = torch.stack(counts) if later else counts[0].unsqueeze(0)
    return spikes.to(x.dtype)


def signed_integrate_and_fire(x: Tensor, spec: NeuronSpec, rate: Tensor | float | None = None) -> Tensor:
    """Ternary: fires +1 at H >= theta - v_init and -1 at H <= -(theta - v_init); the reset takes theta off what fired.

    A start at ``v_init`` would favour one sign, so it moves both thresholds instead: theta / 2 rounds both to nearest.
    """
    rate = 1.0 / spec.tau if rate is None else rate
    edge = spec.threshold - spec.v_init
    v = torch.zeros_like(x[0], dtype=torch.float32)
    spikes = []
    for current in x.float().unbind(0):
        h = charge(current, v, spec, rate)
        s = fire(h - edge, spec.surrogate, spec.alpha) - fire(-h - edge, spec.surrogate, spec.alpha)
        v = h - spec.threshold * (s.detach() if spec.detach_reset else s)
        spikes.append(s)
    return torch.stack(spikes).to(x.dtype)

"""Pure multi-step neurons. x [T, ...] in, spikes [T, ...] out; no state outlives the call, so nothing is to be reset.

IF, LIF and PLIF, in this order, in fp32 whatever the dtype of x:

    H = V + (X - (V - Vr)) / tau      (or  V - (V - Vr) / tau + X  without ``decay_input``;  V + X for IF)
    S = [H >= theta]
    V = H - theta S  (soft)    or    V = S Vr + (1 - S) H  (hard)

I-LIF (integer counts; Luo et al., ECCV 2024):  U = beta (U - S) + X,  S = round(clip(U, 0, D)), straight-through.
``signed`` clips at -D. At T = 1 it is the (D + 1)-level quantiser: the same function as the quantised ANN's.

Each has a form that also takes the membrane before the first step and gives the one after the last (``*_from``); for
I-LIF that is U - S. ``kernels/lif.cu`` is the quick form of the three, spikes bit for bit the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graph.neuron import Neuron
from layers.quantise import clip_round
from snn.surrogates import fire


def charge(x: Tensor, v: Tensor, spec: Neuron, rate: Tensor | float) -> Tensor:
    """H of one step. ``rate`` is 1/tau: a number, or a tensor where it is learnt."""
    rest = spec.v_reset if spec.reset == "hard" else 0.0
    if spec.kind == "if":
        return v + x
    if spec.decay_input:
        return v + (x - (v - rest)) * rate
    return v - (v - rest) * rate + x


def reset(h: Tensor, s: Tensor, spec: Neuron) -> Tensor:
    s = s.detach() if spec.detach_reset else s
    if spec.reset == "hard":
        return s * spec.v_reset + (1 - s) * h
    return h - spec.threshold * s


def at_rest(x: Tensor, spec: Neuron, signed: bool = False) -> Tensor:
    """The membrane before the first step, for the input [B, ...] of one step."""
    start = spec.v_init + (spec.v_reset if spec.reset == "hard" else 0.0)
    return torch.full_like(x, 0.0 if signed or spec.kind == "ilif" else start, dtype=torch.float32)


def integrate_and_fire_from(
    x: Tensor, v: Tensor, spec: Neuron, rate: Tensor | float | None = None
) -> tuple[Tensor, Tensor]:
    """IF, LIF, PLIF: spikes, and the last membrane."""
    rate = 1.0 / spec.tau if rate is None else rate
    spikes = []
    for current in x.float().unbind(0):
        h = charge(current, v, spec, rate)
        s = fire(h - spec.threshold, spec.surrogate, spec.alpha)
        v = reset(h, s, spec)
        spikes.append(s)
    return torch.stack(spikes).to(x.dtype), v


def integrate_and_fire(x: Tensor, spec: Neuron, rate: Tensor | float | None = None) -> Tensor:
    return integrate_and_fire_from(x, at_rest(x[0], spec), spec, rate)[0]


def integer_lif_from(x: Tensor, v: Tensor | None, spec: Neuron, signed: bool = False) -> tuple[Tensor, Tensor]:
    """I-LIF: counts in [0, D], and the last U - S. None is a membrane of zero, without its arithmetic."""
    beta = 1.0 - 1.0 / spec.tau
    counts = []
    for current in x.float().unbind(0):
        u = current if v is None else beta * v + current
        s = clip_round(u, spec.levels, signed)
        v = u - (s.detach() if spec.detach_reset else s)
        counts.append(s)
    assert v is not None
    return torch.stack(counts).to(x.dtype), v


def integer_lif(x: Tensor, spec: Neuron, signed: bool = False) -> Tensor:
    return integer_lif_from(x, None, spec, signed)[0]


def signed_integrate_and_fire_from(
    x: Tensor, v: Tensor, spec: Neuron, rate: Tensor | float | None = None
) -> tuple[Tensor, Tensor]:
    """Ternary: fires +1 at H >= theta - v_init and -1 at H <= -(theta - v_init); the reset takes theta off what fired.

    A start at ``v_init`` would favour one sign, so it moves both thresholds instead: theta / 2 rounds both to nearest.
    """
    rate = 1.0 / spec.tau if rate is None else rate
    edge = spec.threshold - spec.v_init
    spikes = []
    for current in x.float().unbind(0):
        h = charge(current, v, spec, rate)
        s = fire(h - edge, spec.surrogate, spec.alpha) - fire(-h - edge, spec.surrogate, spec.alpha)
        v = h - spec.threshold * (s.detach() if spec.detach_reset else s)
        spikes.append(s)
    return torch.stack(spikes).to(x.dtype), v


def signed_integrate_and_fire(x: Tensor, spec: Neuron, rate: Tensor | float | None = None) -> Tensor:
    return signed_integrate_and_fire_from(x, torch.zeros_like(x[0], dtype=torch.float32), spec, rate)[0]


def multi_step(
    x: Tensor, v: Tensor | None, spec: Neuron, signed: bool, rate: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """x [T, ...] and the membrane before it (None: at rest) -> counts, and the membrane after the last step."""
    if spec.kind == "ilif":
        return integer_lif_from(x, v, spec, signed)
    run = signed_integrate_and_fire_from if signed else integrate_and_fire_from
    return run(x, at_rest(x[0], spec, signed) if v is None else v, spec, rate)

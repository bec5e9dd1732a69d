"""``Neuron``: what a site's neuron is, as data; ``sequence`` and ``step``: its arithmetic, in numpy.

IF, LIF and PLIF, in this order, in float32:

    H = V + (X - (V - Vr)) / tau      (or  V - (V - Vr) / tau + X  without ``decay_input``;  V + X for IF)
    S = [H >= theta]
    V = H - theta S  (soft)    or    V = S Vr + (1 - S) H  (hard)

Signed ones fire +1 at H >= theta - v_init and -1 at H <= -(theta - v_init). I-LIF: U = beta (U - S) + X with
beta = 1 - 1 / tau, S = round(clip(U, 0, D)), half to even; signed ones clip at -D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common.choices import check_choices

Array = NDArray[Any]
Dynamics = Literal["if", "lif", "plif", "ilif"]
Reset = Literal["soft", "hard"]
Surrogate = Literal["atan", "sigmoid", "triangle", "rectangle"]


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """``levels`` D: the largest count of a step (1: binary spikes); ``tau`` of the leak (``plif`` learns it, ``ilif``
    has beta = 1 - 1/tau); ``reset``: "soft" subtracts the threshold, "hard" sets ``v_reset``; ``v_init``: where the
    membrane starts (half a threshold makes an IF neuron round instead of truncate); ``surrogate`` and its sharpness
    ``alpha``: what stands in for the gradient of a spike."""

    kind: Dynamics = "ilif"
    levels: int = 4
    tau: float = 2.0
    decay_input: bool = True
    threshold: float = 1.0
    reset: Reset = "soft"
    v_reset: float = 0.0
    v_init: float = 0.0
    detach_reset: bool = True
    surrogate: Surrogate = "atan"
    alpha: float = 2.0

    def __post_init__(self) -> None:
        check_choices(self, "neuron")
        if self.levels < 1:
            raise ValueError(f"neuron.levels is {self.levels}, expected at least 1")
        if self.kind != "ilif" and self.levels != 1:
            raise ValueError(
                f"neuron.levels is {self.levels} but a '{self.kind}' neuron is binary; expected 1, or kind 'ilif'"
            )
        if self.kind in ("lif", "plif") and self.tau <= 1:
            raise ValueError(f"neuron.tau is {self.tau}, expected more than 1 (use kind 'if' for no leak)")
        if self.kind == "ilif" and self.tau < 1:
            raise ValueError(f"neuron.tau is {self.tau}, expected at least 1 (beta = 1 - 1/tau)")

    @property
    def learnt(self) -> Mapping[str, tuple[int, ...]]:
        """Its own parameters: name -> shape. PLIF: 1 / tau = sigmoid(w)."""
        return {"w": ()} if self.kind == "plif" else {}

    def cost(self, steps: int, signed: bool) -> dict[str, int]:
        """Operations of one neuron in one step, by the accountant's columns: a compare for each level that it can
        reach; over several steps also integrate 1 fadd, leak 1 mul, reset 1 fadd, and the membrane read and written."""
        compares = {"cmp": self.levels * (1 + signed)}
        if steps == 1:
            return compares
        return {**compares, "fadd": 2, "mul": int(self.kind != "if"), "state_words": 2}

    def export(self) -> dict[str, Any]:
        """Its constants, as another library or a chip would be told them."""
        return asdict(self)


def start(neuron: Neuron, like: Array, signed: bool) -> Array:
    """The membrane before the first step, for an input of one step."""
    rest = neuron.v_reset if neuron.reset == "hard" else 0.0
    at = 0.0 if signed or neuron.kind == "ilif" else neuron.v_init + rest
    return np.full(like.shape, at, np.float32)


def step(neuron: Neuron, x: Array, v: Array, signed: bool, rate: float | None = None) -> tuple[Array, Array]:
    """One step: counts, and the membrane after it (for I-LIF U - S)."""
    one = np.float32
    leak = one(1.0 / neuron.tau if rate is None else rate)
    if neuron.kind == "ilif":
        u = one(1.0 - 1.0 / neuron.tau) * v + x
        low = -neuron.levels if signed else 0
        counts = np.round(np.clip(u, low, neuron.levels)).astype(np.float32)
        return counts, u - counts
    rest = one(neuron.v_reset if neuron.reset == "hard" else 0.0)
    if neuron.kind == "if":
        h = v + x
    elif neuron.decay_input:
        h = v + (x - (v - rest)) * leak
    else:
        h = v - (v - rest) * leak + x
    edge = one(neuron.threshold - neuron.v_init if signed else neuron.threshold)
    counts = (h >= edge).astype(np.float32)
    if signed:
        counts -= h <= -edge
    if neuron.reset == "hard":
        return counts, counts * one(neuron.v_reset) + (1 - counts) * h
    return counts, h - one(neuron.threshold) * counts


def sequence(neuron: Neuron, x: Array, signed: bool, rate: float | None = None) -> Array:
    """x [T, ...] -> counts [T, ...]."""
    v, out = start(neuron, x[0], signed), []
    for current in x:
        counts, v = step(neuron, current, v, signed, rate)
        out.append(counts)
    return np.stack(out)

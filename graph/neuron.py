"""``Neuron``: what a site's neuron is, as data. Its arithmetic over steps, in numpy, stands in ``graph/meaning``.

H = V + (X - (V - Vr)) / tau, S = [H >= theta], V = H - theta S (soft) or S Vr + (1 - S) H (hard); ``if`` has no leak.
``ilif``: U = beta (U - S) + X with beta = 1 - 1 / tau, S = round(clip(U, 0, D)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.choices import check_choices

Kind = Literal["if", "lif", "plif", "ilif"]
Reset = Literal["soft", "hard"]
Surrogate = Literal["atan", "sigmoid", "triangle", "rectangle"]


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """``levels`` D: the largest count of a step (1: binary spikes); ``signed``: counts reach down to -D; ``tau`` of
    the leak (``plif`` learns it); ``reset``: "soft" subtracts the threshold, "hard" sets ``v_reset``; ``v_init``:
    where the membrane starts (half a threshold makes an IF neuron round instead of truncate); ``surrogate`` and its
    sharpness ``alpha`` stand in for the gradient of a spike."""

    kind: Kind = "ilif"
    levels: int = 4
    signed: bool = False
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
        if self.signed and self.reset == "hard":
            raise ValueError("neuron.reset is 'hard' at a signed site, expected 'soft' (or spikes.signed: false)")

    @property
    def lowest(self) -> int:
        return -self.levels if self.signed else 0

    @property
    def leaks(self) -> bool:
        return self.kind != "if"

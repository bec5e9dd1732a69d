"""``NeuronSpec``: everything that defines a neuron, and the refusal of what cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

CHOICES = {
    "kind": ("if", "lif", "plif", "ilif"),
    "reset": ("soft", "hard"),
    "surrogate": ("atan", "sigmoid", "triangle", "rectangle"),
    "backend": ("native", "torch"),
}


@dataclass(frozen=True, kw_only=True)
class NeuronSpec:
    """``steps`` T; ``levels`` D (1 for binary spikes); ``tau`` of the leak (for ``ilif``: beta = 1 - 1/tau);
    ``reset``: "soft" subtracts the threshold, "hard" sets ``v_reset``; ``v_init``: where the membrane starts (half a
    threshold makes an IF neuron round instead of truncate); ``alpha``: the surrogate's sharpness; ``backend``: "native"
    is the compiled kernel where the device has one, "torch" always the reference (same spikes, bit for bit)."""

    kind: str = "ilif"
    steps: int = 1
    levels: int = 4
    tau: float = 2.0
    decay_input: bool = True
    threshold: float = 1.0
    reset: str = "soft"
    v_reset: float = 0.0
    v_init: float = 0.0
    detach_reset: bool = True
    surrogate: str = "atan"
    alpha: float = 2.0
    backend: str = "native"

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                near = get_close_matches(str(value), allowed, n=1, cutoff=0.0)[0]
                raise ValueError(f"neuron.{name} is '{value}', expected one of {', '.join(allowed)}; nearest: '{near}'")
        if self.steps < 1 or self.levels < 1:
            raise ValueError(f"neuron.steps and neuron.levels must be at least 1, found {self.steps} and {self.levels}")
        if self.kind != "ilif" and self.levels != 1:
            raise ValueError(
                f"neuron.levels is {self.levels} but a '{self.kind}' neuron is binary; expected 1, or kind 'ilif'"
            )
        if self.kind in ("lif", "plif") and self.tau <= 1:
            raise ValueError(f"neuron.tau is {self.tau}, expected more than 1 (use kind 'if' for no leak)")
        if self.kind == "ilif" and self.tau < 1:
            raise ValueError(f"neuron.tau is {self.tau}, expected at least 1 (beta = 1 - 1/tau)")

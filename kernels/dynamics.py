"""``Dynamics``: a neuron as a kernel sees it. What is a word becomes a build constant, what is a number an argument."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache, cached_property

from kernels.source import Constants

KINDS = ("if", "lif", "ilif")
SURROGATES = ("atan", "sigmoid", "triangle", "rectangle")


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """``rate``: 1/tau, for "ilif" beta; ``start``: the membrane before the first step; ``edge``: it fires at H >= edge
    (the threshold, unless a signed neuron has moved it); ``levels``: D of "ilif"."""

    kind: str = "lif"
    reset: str = "soft"
    detach_reset: bool = True
    decay_input: bool = True
    signed: bool = False
    surrogate: str = "atan"
    rate: float = 0.5
    threshold: float = 1.0
    v_reset: float = 0.0
    start: float = 0.0
    edge: float = 1.0
    alpha: float = 2.0
    levels: int = 1

    def __post_init__(self) -> None:
        if self.signed and self.reset == "hard":
            raise ValueError("a signed neuron with a hard reset is not defined, expected reset 'soft'")
        assert self.text  # worked out now: torch.compile cannot look into a cached property

    @cached_property
    def constants(self) -> Constants:
        return (
            ("KIND", KINDS.index(self.kind)),
            ("HARD", int(self.reset == "hard")),
            ("DETACH", int(self.detach_reset)),
            ("DECAY", int(self.decay_input)),
            ("SIGNED", int(self.signed)),
            ("SURROGATE", SURROGATES.index(self.surrogate)),
        )

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """In the order of the kernel's arguments; the last two are the bounds of a count."""
        low = -self.levels if self.signed else 0
        constants = (self.rate, self.threshold, self.v_reset, self.start, self.edge, self.alpha, low, self.levels)
        return tuple(float(n) for n in constants)

    @cached_property
    def text(self) -> str:
        """An operator's arguments are tensors, numbers and strings."""
        return json.dumps(asdict(self))


@cache
def loads(text: str) -> Dynamics:
    return Dynamics(**json.loads(text))

"""Rules: what a library cannot compute, each with the reason in words. The first that applies refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graph.neuron import Neuron

Applies = Callable[[Neuron, bool], bool]


@dataclass(frozen=True)
class Rule:
    """``applies``: (neuron, signed) -> is it one that the library cannot compute?"""

    applies: Applies
    reason: str


def refusal(rules: Sequence[Rule], neuron: Neuron, signed: bool) -> str:
    return next((rule.reason for rule in rules if rule.applies(neuron, signed)), "")


INTEGER = Rule(lambda n, s: n.kind == "ilif", "it is an integer neuron (ilif), and the library's are binary")
NEGATIVE = Rule(
    lambda n, s: s, "it fires negative spikes too, and the library's neuron does not; spikes.signed: false does without"
)


def surrogates(names: Sequence[str]) -> Rule:
    return Rule(
        lambda n, s: n.surrogate not in names,
        f"the library has no surrogate gradient of that shape, expected neuron.surrogate among {', '.join(names)}",
    )

"""Which parameters train: those whose names no prefix of the spec's ``frozen`` begins. Counted on the graph alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from common.words import nearest
from graph.graph import Graph


def is_frozen(name: str, frozen: tuple[str, ...]) -> bool:
    """``frozen`` holds whole parts of dotted names: "audio" begins "audio.features.0", not "audio_proj"."""
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in frozen)


def by_part(graph: Graph, depth: int = 1) -> dict[str, int]:
    """Parameters by the first ``depth`` parts of their names, in the graph's order; shared weights count once."""
    counted: Counter[str] = Counter()
    for weights, node in {n.weights: n for n in graph.nodes.values()}.items():
        counted[".".join(weights.split(".")[:depth])] += node.op.parameters()
    return {part: count for part, count in counted.items() if count}


@dataclass(frozen=True)
class Trained:
    trainable: int
    frozen: int

    @property
    def total(self) -> int:
        return self.trainable + self.frozen


def trained(graph: Graph, frozen: tuple[str, ...]) -> Trained:
    """How many parameters train and how many do not. Every prefix must freeze something."""
    whole = by_part(graph, depth=max((n.weights.count(".") + 1 for n in graph.nodes.values()), default=1))
    for prefix in frozen:
        if not any(is_frozen(name, (prefix,)) for name in whole):
            raise ValueError(
                f"spec.frozen has '{prefix}', which begins no parameter of '{graph.name}'; nearest: "
                f"'{nearest(prefix, by_part(graph))}'"
            )
    still = sum(count for name, count in whole.items() if is_frozen(name, frozen))
    return Trained(sum(whole.values()) - still, still)

"""Which nodes see frames one at a time, and which see a window of several at once.

    each      inputs, what is static, and what is made of these without an ``Unfold``: a frame a row, on its own
    window    everything behind an ``Unfold``, also where its rows are frames again
    read      of ``each``, what a whole window's is asked for: by ``window``, or as an output

A network that looks at one frame has no ``window``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from graph.graph import Graph
from graph.infer import infer, window
from graph.ops import Unfold
from graph.values import Clock

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Parts:
    """``frames``: of a window."""

    frames: int
    each: tuple[str, ...]
    window: tuple[str, ...]
    read: tuple[str, ...]
    static: frozenset[str]

    def check(self, rows: Mapping[str, int]) -> None:
        """Rows of each input that one step is given."""
        for name, count in rows.items():
            if count != self.frames:
                raise ValueError(f"input '{name}' has {count} frames, expected {self.frames} a step")


def in_windows(frames: Iterable[Frame], length: int) -> Iterator[tuple[list[Frame], int]]:
    """(a window of frames, how many of them there are): the last is filled with its last frame."""
    part: list[Frame] = []
    for frame in frames:
        part.append(frame)
        if len(part) == length:
            yield part, length
            part = []
    if part:
        yield part + [part[-1]] * (length - len(part)), len(part)


def parts_of(graph: Graph) -> Parts:
    behind: dict[str, bool] = {}
    for name, node in graph.nodes.items():
        behind[name] = isinstance(node.op, Unfold) or any(behind[a] for a in node.args)
    asked = [a for name in graph.nodes if behind[name] for a in graph[name].args] + list(graph.outputs.values())
    read = dict.fromkeys(a for a in asked if not behind[a])
    return Parts(
        window(graph),
        tuple(n for n in graph.nodes if not behind[n]),
        tuple(n for n in graph.nodes if behind[n]),
        tuple(read),
        frozenset(n for n, v in infer(graph).items() if v.clock == Clock.STATIC),
    )

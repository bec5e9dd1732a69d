"""What a streaming network did in one frame, node by node: the numbers that a brute force must find again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Work:
    """Of a node in a frame. All whole numbers.

    ``events``: unary events that came, sum |n_t - n_(t-1)|; ``changed``: counts, or elements of an input, that differ;
    ``adds``: weights that the events added; ``multiplies``: weights times a graded change, and products of two counts;
    ``computed``: elements that were computed again from values of now; ``anew``: it began again from zero, since that
    took fewer additions than the changes.
    """

    events: int = 0
    changed: int = 0
    adds: int = 0
    multiplies: int = 0
    computed: int = 0
    anew: bool = False

    def __add__(self, other: Work) -> Work:
        sums = {name: getattr(self, name) + getattr(other, name) for name in vars(self)}
        return Work(**sums | {"anew": self.anew or other.anew})

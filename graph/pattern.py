"""View patterns: ``"n (h d) -> h n d"`` says how axes are split, permuted and merged.

A pattern resolves, for one input shape, to three steps: reshape to ``split``, permute by ``order``, reshape to ``out``.
``1`` on the right inserts an axis of length one; on the left it removes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

from graph.values import Shape

Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Resolved:
    split: Shape
    order: tuple[int, ...]
    out: Shape


def _groups(side: str) -> Groups:
    tokens = re.findall(r"\([^()]*\)|[^\s()]+", side)
    return tuple(tuple(t.strip("()").split()) for t in tokens)


@dataclass(frozen=True)
class Pattern:
    left: Groups
    right: Groups
    sizes: tuple[tuple[str, int], ...]
    text: str

    @classmethod
    def parse(cls, text: str, sizes: tuple[tuple[str, int], ...] = ()) -> Pattern:
        left, arrow, right = text.partition("->")
        if not arrow:
            raise ValueError(f"view pattern '{text}' has no '->'")
        pattern = cls(_groups(left), _groups(right), sizes, text)
        names = [[n for g in side for n in g if n != "1"] for side in (pattern.left, pattern.right)]
        if sorted(names[0]) != sorted(names[1]) or len(set(names[0])) != len(names[0]):
            raise ValueError(f"view pattern '{text}' must name every axis once on each side")
        return pattern

    def resolve(self, shape: Shape) -> Resolved:
        if len(shape) != len(self.left):
            raise ValueError(f"view pattern '{self.text}' has {len(self.left)} axes, the value has shape {shape}")
        known = dict(self.sizes)
        for group, length in zip(self.left, shape, strict=True):
            free = [n for n in group if n not in known and n != "1"]
            fixed = prod([known.get(n, 1) for n in group])
            if len(free) > 1:
                raise ValueError(f"view pattern '{self.text}' leaves {free} unknown; give sizes")
            if free:
                known[free[0]] = length // fixed
            if prod([known.get(n, 1) for n in group]) != length:
                raise ValueError(f"view pattern '{self.text}' does not divide shape {shape}")
        names = [n for g in self.left for n in g if n != "1"]
        order = tuple(names.index(n) for g in self.right for n in g if n != "1")
        out = tuple([prod([known.get(n, 1) for n in g]) for g in self.right])
        return Resolved(tuple(known[n] for n in names), order, out)

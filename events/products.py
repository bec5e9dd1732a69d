"""A product of two whole-numbered values as a change sees it: d(A B) = dA B_t + A_(t-1) dB.

the change is of counts   each of its events adds the row (or column) of the other operand that it meets, whole; or,
                          where that is counts too, event by event, if that is more
the change is of sums     the events of the counts that are held add what changed; two values of sums are multiplied
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graph.ops import Array, MatMul, Op


@dataclass(frozen=True)
class Term:
    """``changed``: which of the two is a change (or, for a product from nothing, what drives it)."""

    a: Array
    b: Array
    changed: int


@dataclass(frozen=True)
class Product:
    """``counts``: which operands are counts; the others are sums of them."""

    op: Op
    counts: Sequence[bool]

    def value(self, term: Term) -> Array:
        """A whole number: the scale is left out."""
        op = replace(self.op, scale=1.0) if isinstance(self.op, MatMul) else self.op
        return op.meaning(term.a, term.b)

    def pairs(self, term: Term) -> int:
        """Products of two numbers that are not zero."""
        ones = Term(_nonzero(term.a), _nonzero(term.b), term.changed)
        return round(float(self.value(ones).sum(dtype=np.float64)))

    def adds(self, term: Term) -> int:
        if not isinstance(self.op, MatMul):
            return 0
        sizes = np.abs(term.a).sum(-2), np.abs(term.b).sum(-1)
        changed, held = term.changed, 1 - term.changed
        if not self.counts[changed]:
            active = (term.a != 0).sum(-2), (term.b != 0).sum(-1)
            return round(float((sizes[held] * active[changed]).sum())) if self.counts[held] else 0
        reads = term.a.shape[-2] if changed else term.b.shape[-1]
        whole = float(sizes[changed].sum()) * reads
        return round(max(whole, float((sizes[0] * sizes[1]).sum())) if self.counts[held] else whole)

    def cost(self, terms: Sequence[Term]) -> int:
        return sum(self.adds(t) if isinstance(self.op, MatMul) and any(self.counts) else self.pairs(t) for t in terms)


def _nonzero(x: Array) -> Array:
    return np.asarray(x != 0, np.float32)

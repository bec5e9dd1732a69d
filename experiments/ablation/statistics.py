"""What may be said of an arm against the reference, seed by seed.

    d_s = score(arm, seed s) - score(reference, seed s)
    interval: mean d +- t(0.975, n - 1) sd(d) / sqrt(n)       (Student's paired t, 95 %)

A difference is *shown* where the interval leaves out 0, and with fewer than two seeds never. Intervals of several arms
are not widened for their number: of twenty arms that change nothing, one is expected to look as if it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from scipy.stats import t

LEVEL = 0.975


@dataclass(frozen=True, kw_only=True)
class Difference:
    """``half``: of the interval's width; infinite where one seed says nothing of spread."""

    mean: float
    half: float
    seeds: int

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    @property
    def shown(self) -> bool:
        return isfinite(self.half) and (self.low > 0 or self.high < 0)


def paired(arm: Sequence[float], reference: Sequence[float]) -> Difference:
    """Scores of the same seeds, in the same order."""
    if len(arm) != len(reference) or not arm:
        raise ValueError(f"a paired difference needs the same seeds, found {len(arm)} and {len(reference)} scores")
    d = np.asarray(arm, float) - np.asarray(reference, float)
    n = len(d)
    half = float(t.ppf(LEVEL, n - 1) * np.std(d, ddof=1) / sqrt(n)) if n > 1 else float("inf")
    return Difference(mean=float(d.mean()), half=half, seeds=n)


def spread(scores: Sequence[float]) -> float:
    """The standard deviation over seeds; 0 for one."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0


def verdict(differences: Mapping[str, Difference], reference: str, metric: str) -> str:
    """One line: what is shown to be better or worse than the reference, and what is not shown to differ."""
    told = [
        f"{label} is {'better' if d.mean > 0 else 'worse'} than {reference} by {abs(d.mean):.4f} "
        f"[{min(abs(d.low), abs(d.high)):.4f}, {max(abs(d.low), abs(d.high)):.4f}]"
        for label, d in differences.items()
        if d.shown
    ]
    equal = [label for label, d in differences.items() if not d.shown]
    seeds = min(d.seeds for d in differences.values())
    if equal:
        told.append(f"no difference shown between {reference} and {', '.join(equal)}")
    return f"{metric}, {seeds} paired seed{'s' if seeds > 1 else ''}, 95 % intervals: {'; '.join(told)}."

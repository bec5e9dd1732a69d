"""How much an arm may be worse than another at most, by a bootstrap over seeds and clips.

d[s, c] = mean IoU of clip c, reference - arm, both of seed s. A resample draws seeds with return, and for each of them
clips with return; the bound is the 95 % quantile of its means (one-sided).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SAMPLES, LEVEL = 10_000, 0.95


def bound(reference: Sequence[Sequence[float]], arm: Sequence[Sequence[float]], seed: int = 0) -> float:
    """Both [seeds][clips], paired."""
    d = np.asarray(reference, float) - np.asarray(arm, float)
    if d.ndim != 2 or not d.size:
        raise ValueError(f"a bound needs scores of seeds and clips, found the shape {d.shape}")
    random = np.random.default_rng(seed)
    seeds, clips = d.shape
    means = np.zeros(SAMPLES)
    for sample in range(SAMPLES):
        rows = random.integers(0, seeds, seeds)
        columns = random.integers(0, clips, (seeds, clips))
        means[sample] = d[rows[:, None], columns].mean()
    return float(np.quantile(means, LEVEL))

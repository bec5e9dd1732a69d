"""One row a site, through pandas."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from experiments.rates.collect import SiteCounts


def table(sites: Sequence[SiteCounts]) -> pd.DataFrame:
    """``mean_count``: mean |n| of a neuron in a step; ``silent_share`` of counts that are 0, ``saturated_share`` that
    are as large as can be; ``dead_share`` of neurons that never fired; ``events``: sum of |n| in a frame; then the mean
    of every step and of every frame of a clip."""
    rows = [
        {
            "site": s.name,
            "mean_count": s.mean,
            "silent_share": s.silent,
            "saturated_share": s.saturated,
            "dead_share": s.dead,
            "events": s.mean * s.neurons * s.steps,
            "neurons": s.neurons,
            "levels": s.levels,
            "signed": s.signed,
            **{f"step_{i}": float(v) for i, v in enumerate(s.step_means)},
            **{f"frame_{i}": float(v) for i, v in enumerate(s.frame_means)},
        }
        for s in sites
    ]
    return pd.DataFrame(rows)


def text(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")

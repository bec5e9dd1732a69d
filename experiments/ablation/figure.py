"""An ablation as a figure: the score of every run by arm, seeds joined; beside it, paired differences, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import matplotlib
import pandas as pd

from experiments.ablation.statistics import Difference
from experiments.ablation.tables import scores
from experiments.plots import saved

matplotlib.use("Agg")
from matplotlib import pyplot as plt

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"


def figure(table: pd.DataFrame, told: Mapping[str, Difference], reference: str, metric: str, question: str) -> bytes:
    """PNG."""
    labels = list(table["arm"].cat.categories)
    places = {label: len(labels) - 1 - i for i, label in enumerate(labels)}
    size = (9.5, 1.4 + 0.5 * len(labels))
    drawn, (left, right) = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained", width_ratios=(3, 2))
    for _, seed in table.groupby("seed"):
        rows = [places[label] for label in seed["arm"]]
        left.plot(seed[metric], rows, "-o", color=GREY, linewidth=0.7, markersize=4, alpha=0.7)
    means = [sum(v) / len(v) for v in (scores(table, label, metric) for label in labels)]
    left.plot(means, [places[label] for label in labels], "D", color=BLUE, markersize=7, label="mean over seeds")
    left.set_yticks(list(places.values()), list(places))
    left.set_ylim(-0.6, len(labels) - 0.4)
    left.set_xlabel(f"{metric} (grey: one line a seed)")
    left.legend(loc="best", frameon=False, fontsize="small")
    right.axvline(0, color=GREY, linewidth=1)
    for label, d in told.items():
        half = d.half if isfinite(d.half) else 0.0
        colour = ORANGE if d.shown else BLUE
        right.errorbar(d.mean, places[label], xerr=half, fmt="o", color=colour, capsize=4)
    right.plot(0, places[reference], "s", color=GREY)
    right.set_xlabel(f"difference to {reference}, 95 %")
    drawn.suptitle(question, x=0.01, ha="left", fontsize="medium")
    return saved(drawn, dpi=130)

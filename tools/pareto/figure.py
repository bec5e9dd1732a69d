"""A panel a machine: uJ of a frame against mIoU, the SNNs filled, their quantised ANNs hollow, the front in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

from experiments.plots import saved
from tools.pareto.front import MACHINES, cost_of, front
from tools.pareto.grid import SERIES

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73")  # Okabe and Ito
GREY = "#777777"
Rows = Mapping[str, Mapping[str, Any]]  # of energy.json, by the name of the choice


def _series(axis: Axes, rows: Rows, names: Sequence[str], model: str, colour: str, title: str) -> None:
    costs = [cost_of(rows[name], model) for name in names]
    scores = [rows[name]["miou"] for name in names]
    axis.plot([c.snn for c in costs], scores, "-o", color=colour, markersize=5, linewidth=1, label=f"SNN, {title}")
    hollow = {"marker": "o", "facecolors": "none", "edgecolors": colour, "linewidths": 0.8, "s": 22}
    axis.scatter([c.qann for c in costs], scores, label=None, **hollow)  # type: ignore[arg-type]


def panel(axis: Axes, rows: Rows, control: float, title: str, model: str) -> None:
    values = {name: (cost_of(row, model).snn, row["miou"]) for name, row in rows.items()}
    best = [values[name] for name in front(values)]
    axis.step([c for c, _ in best], [s for _, s in best], where="post", color=GREY, linewidth=3, alpha=0.35)
    for (name, choices), colour in zip(SERIES.items(), COLOURS, strict=True):
        _series(axis, rows, [c.name for c in choices if c.name in rows], model, colour, name)
    dense = cost_of(next(iter(rows.values())), model).int8
    axis.scatter([dense], [control], marker="s", color=GREY, s=30, label="ANN, dense, int8")
    axis.set_xscale("log")
    axis.set_xlabel("uJ a frame, int8 prices")
    axis.set_title(title, fontsize="medium")
    axis.grid(alpha=0.25, which="both", linewidth=0.5)


def figure(rows: Rows, control: float) -> bytes:
    """PNG. ``control``: mIoU of the ANN that was trained on for as long."""
    drawn, axes = plt.subplots(1, len(MACHINES), figsize=(13, 4.2), sharey=True, layout="constrained")
    for axis, (title, model) in zip(axes, MACHINES.items(), strict=True):
        panel(axis, rows, control, title, model)
    axes[0].set_ylabel("mIoU")
    axes[0].legend(fontsize="small", frameon=False, loc="lower right")
    drawn.suptitle(
        "Filled: SNN. Hollow: the quantised ANN with the same counts, hence the same mIoU.", fontsize="medium"
    )
    return saved(drawn)

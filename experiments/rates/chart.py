"""How much each site fires, as bars: mean count, and which shares of counts and neurons are silent, saturated, dead."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from experiments.rates.collect import SiteCounts

# Told apart by colour-blind eyes too.
COUNT, SILENT, SATURATED, DEAD = "#0072b2", "#d55e00", "#cc79a7", "#333333"
ROW, HEAD = 0.2, 1.2  # inches: of a site, and of titles and axes

PANELS = (
    ("mean count of a neuron in a step", COUNT, "mean", "{:.3f}"),
    ("share of counts that are 0", SILENT, "silent", "{:.0%}"),
    ("share of counts at the largest", SATURATED, "saturated", "{:.1%}"),
    ("share of neurons that never fired", DEAD, "dead", "{:.0%}"),
)


def chart(sites: Sequence[SiteCounts], title: str) -> Figure:
    figure = Figure(figsize=(15, HEAD + ROW * len(sites)), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(1, len(PANELS), sharey=True, width_ratios=(3, 2, 2, 2))
    for axis, (label, colour, key, shown) in zip(axes, PANELS, strict=True):
        values = [getattr(site, key) for site in sites]
        bars = axis.barh(range(len(sites)), values, color=colour, height=0.75)
        axis.bar_label(bars, [shown.format(value) for value in values], padding=2, fontsize=6)
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
        # Room for the number behind the longest bar.
        axis.set_xlim(0, 1.18 * (max(values) or 1.0))
        axis.set_yticks(range(len(sites)), [site.name for site in sites])
        axis.set_ylim(len(sites) - 0.4, -0.6)  # the first site on top
    return figure

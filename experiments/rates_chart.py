"""How much each site fires, as a picture: two bars a site, the mean count and the share of neurons that stay silent."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

COUNT, SILENT = "#0072b2", "#d55e00"  # told apart by colour-blind eyes too
ROW, HEAD = 0.2, 1.2  # inches: of a site, and of titles and axes
DPI = 110


def chart(rates: Sequence[tuple[str, float, float]], title: str) -> bytes:
    """(site, mean |count| per neuron and step, share of neurons silent), in the order of the network -> PNG."""
    sites = [site for site, _, _ in rates]
    panels = (
        ("mean count per neuron and step", COUNT, [mean for _, mean, _ in rates], "{:.3f}"),
        ("share of neurons silent", SILENT, [silent for _, _, silent in rates], "{:.0%}"),
    )
    figure = Figure(figsize=(11, HEAD + ROW * len(sites)), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for axis, (label, colour, values, shown) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        bars = axis.barh(range(len(sites)), values, color=colour, height=0.75)
        axis.bar_label(bars, [shown.format(value) for value in values], padding=2, fontsize=6)
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
        # Room for the number behind the longest bar.
        axis.set_xlim(0, 1.15 * (max(values) or 1.0))
        axis.set_yticks(range(len(sites)), sites)
        axis.set_ylim(len(sites) - 0.4, -0.6)  # the first site on top
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI)
    return picture.getvalue()

"""What conversion did to every layer: how far its values are from the ANN's, and what its neurons do.

A row is a weighted op (its real-valued output) or a site (what its counts stand for). A neuron is one place of a site;
dead: it fires in none of the frames; saturated: the share of counts that are as large as can be.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from convert.compare import layer_distance, site_distance
from experiments.plots import saved
from experiments.rates.collect import PREFIX, collect, sites
from graph.lower import Network

WEIGHTED, SITE = "weighted", "site"
SHARES = {"dead_share": "#333333", "saturated_share": "#cc79a7"}


def layer_table(ann: Network, spiking: Network, frames: dict[str, Tensor]) -> pd.DataFrame:
    """In the order of the graph."""
    apart = dict(layer_distance(ann, spiking, frames))
    by_site = site_distance(ann, spiking, frames)
    fired = {s.name: s for s in collect(spiking, [frames], sites(spiking.graph, "*", "it"))}
    rows = []
    for name in spiking.graph.nodes:
        if name in apart:
            rows.append({"layer": name, "kind": WEIGHTED, "relative_distance": apart[name]})
        own = fired.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
        if own is not None:
            rows.append(
                {
                    "layer": own.name,
                    "kind": SITE,
                    "relative_distance": by_site.get(name),
                    "levels": own.levels,
                    "mean_count": own.mean,
                    "dead_share": own.dead,
                    "saturated_share": own.saturated,
                }
            )
    return pd.DataFrame(rows).astype({"levels": "Int64"})


def layer_figure(table: pd.DataFrame) -> bytes:
    """PNG: distances of weighted ops and of sites in order, and the shares of dead neurons and saturated counts."""
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1)
    for kind, colour in ((WEIGHTED, "#0072b2"), (SITE, "#d55e00")):
        part = table[table["kind"] == kind].reset_index(drop=True)
        above.plot(part.index / max(1, len(part) - 1), part["relative_distance"], "o-", color=colour, ms=3, label=kind)
    above.set_ylabel("|SNN - ANN| / |ANN|")
    above.legend(frameon=False, fontsize="small")
    above.set_xlabel("first to last layer")
    part = table[table["kind"] == SITE].reset_index(drop=True)
    for key, colour in SHARES.items():
        below.plot(part.index, part[key], "o-", ms=3, color=colour, label=key.replace("_", " "))
    below.set_xlabel("sites in order (layers.csv)")
    below.set_ylim(-0.02, 1.02)
    below.legend(frameon=False, fontsize="small")
    return saved(figure)

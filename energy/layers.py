"""A run's layers as plain numbers, for energy.json and the page: what each read, what it did, where it breaks even."""

from __future__ import annotations

from typing import Any

import numpy as np

from energy.account import Account
from energy.break_even import layers
from energy.columns import ARITHMETIC
from energy.costs import PER_UJ
from energy.savings import row_pj
from energy.work import part


def layer_rows(ann: Account, run: Account) -> list[dict[str, Any]]:
    """A row for every node that costs arithmetic, in the order of the network. ``rate``: mean count of its input over
    all steps; ``break_even``: opponent -> the rate below which the layer is cheaper than the same of that opponent."""
    at = {layer.name: layer for layer in layers(ann, run)} if run is not ann else {}
    rows = []
    for row in run.rows:
        uj = float(np.mean(row_pj(row))) * PER_UJ
        if not uj and not row.multiplies:
            continue
        counts = row.counts.mean()
        layer = at.get(row.name)
        rows.append(
            {
                "name": row.name.removeprefix("sites."),
                "part": part(row.name),
                "op": row.op,
                "reads": row.reads,
                "macs": row.macs,
                **{c: value for c in ARITHMETIC if (value := getattr(counts, c))},
                "uj": uj,
                "rate": row.rate if row.spiking else None,
                "spikes_per_synapse": layer.spikes_per_synapse if layer else None,
                "break_even": layer.at if layer else {},
            }
        )
    return rows

"""The figure: energy of a frame at fp32 prices, stacked by column group, and by part of the network."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from energy.account import Account
from energy.costs import PER_UJ
from energy.hardware import profile
from energy.savings import PAPER, row_pj
from energy.work import part

GROUPS = {
    "weight accumulates": ("ac_w",),
    "integer accumulates": ("ac_int",),
    "multiply-accumulates": ("imac", "fmac"),
    "compares": ("cmp",),
    "adds": ("fadd",),
    "multiplies": ("mul",),
    "transcendental": ("transcendental",),
}
# Okabe and Ito's palette, distinguishable with any colour vision.
COLOURS = ("#0072B2", "#56B4E9", "#D55E00", "#009E73", "#F0E442", "#CC79A7", "#999999", "#E69F00", "#000000")
PARTS = 8
# Characters of a run's name: a path as long as a page would leave the axes no room at all.
LONGEST = 28


def by_group(account: Account) -> dict[str, float]:
    prices = profile(PAPER)
    return {
        label: sum(float(np.mean(prices.energy(r.counts, columns=columns, bits=r.imac_bits))) for r in account.rows)
        * PER_UJ
        for label, columns in GROUPS.items()
    }


def by_part(account: Account) -> dict[str, float]:
    total: dict[str, float] = {}
    for row in account.rows:
        total[part(row.name)] = total.get(part(row.name), 0.0) + float(np.mean(row_pj(row))) * PER_UJ
    return total


def _largest(tables: list[dict[str, float]]) -> list[str]:
    names = {n for t in tables for n in t}
    return sorted(names, key=lambda n: -max(t.get(n, 0.0) for t in tables))[:PARTS]


def short(names: Sequence[str]) -> list[str]:
    """The fewest last parts of the paths that still tell them apart, cut to what an axis has room for."""
    paths = [PurePath(n).parts or (n,) for n in names]
    deepest = max(map(len, paths))
    for kept in range(1, deepest + 1):
        tails = ["/".join(p[-kept:])[-LONGEST:] for p in paths]
        if len(set(tails)) == len(tails):
            return tails
    return [f"{i}: {n[-LONGEST:]}" for i, n in enumerate(names, 1)]


def png(accounts: Mapping[str, Account]) -> bytes:
    figure = Figure(figsize=(11, 2.2 + 0.55 * max(len(accounts), 4)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    stacked, parts = figure.subplots(1, 2)
    names = short(list(accounts))
    groups = [by_group(a) for a in accounts.values()]
    left = np.zeros(len(names))
    for label, colour in zip(GROUPS, COLOURS, strict=False):
        values = np.array([g[label] for g in groups])
        if values.any():
            stacked.barh(names, values, left=left, color=colour, label=label, edgecolor="white", linewidth=0.5)
        left += values
    for i, value in enumerate(left):
        stacked.annotate(f" {value:.3g}", (value, i), va="center", fontsize=9)
    stacked.set(xlabel="uJ per frame, fp32 prices", title="by what is computed")
    stacked.invert_yaxis()
    stacked.margins(x=0.12)
    stacked.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False)

    tables = [by_part(a) for a in accounts.values()]
    shown = _largest(tables)
    height = 0.8 / max(len(names), 1)
    for i, (name, values_of) in enumerate(zip(names, tables, strict=True)):
        at = np.arange(len(shown)) + (i - (len(names) - 1) / 2) * height
        parts.barh(at, [values_of.get(s, 0.0) for s in shown], height, label=name, color=COLOURS[i % len(COLOURS)])
    parts.set_yticks(np.arange(len(shown)), shown)
    parts.set(xlabel="uJ per frame, fp32 prices", title="by part of the network")
    parts.invert_yaxis()
    parts.legend(fontsize=8, frameon=False)
    for axes in (stacked, parts):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    canvas.print_figure(buffer, format="png")
    return buffer.getvalue()

"""The tables of a report: as rows of cells, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from energy.account import Account
from energy.baselines import BASELINES
from energy.break_even import break_even
from energy.costs import PER_UJ, Machine
from energy.hardware import profile, profiles
from energy.memory import MODELS
from energy.savings import PAPER, row_pj

Cells = list[list[str]]


def _percent(value: float) -> str:
    return f"{value:.1%}"


def run_cells(rows: Sequence[Mapping[str, Any]]) -> Cells:
    """Run, mIoU, absolute energies, then every named saving."""
    names = [*BASELINES]
    head = [
        "run",
        "mIoU",
        "delta",
        "MMAC",
        "MAC-free adds (M)",
        "spike-fed",
        "strict uJ",
        "95 % +-",
        "paper uJ",
    ]
    head += ["paper", "paper_exact", *(f"compute: {x}" for x in names), *(f"memory: {x}" for x in names)]
    cells = [head]
    for r in rows:
        energy, saving = r["energy_uj"], r["saving"]
        miou = ["-" if r[k] is None else f"{r[k]:.3f}" for k in ("miou", "delta_miou")]
        line = [
            r["run"],
            *miou,
            f"{r['macs'] / 1e6:.2f}",
            f"{r['acs'] / 1e6:.2f}",
            _percent(r["spike_fed_share"]),
        ]
        line += [
            f"{energy['strict']:.3f}",
            f"{r['confidence']['energy_uj'][1]:.3f}",
            f"{energy['paper']:.3f}",
        ]
        line += [_percent(saving[k]) for k in ("paper", "paper_exact")]
        line += [_percent(saving[k][x]) for k in ("strict_compute", "strict_memory") for x in names]
        cells.append(line)
    return cells


def layer_cells(account: Account) -> Cells:
    """Every row that costs arithmetic, in order; layers also with their mean count and where they break
    even."""
    prices = profile(PAPER)
    cells = [["node", "op", "reads", "MACs", "ac_w", "ac_int", "fmac", "mean count", "break-even", "uJ"]]
    for row in account.rows:
        energy = float(np.mean(row_pj(row))) * PER_UJ
        if not energy and not row.multiplies:
            continue
        c = row.counts.mean()
        numbers = [f"{v:,.0f}" for v in (c.macs, c.ac_w, c.ac_int, c.fmac)]
        rates = ["-", "-"]
        if row.spiking:
            at = break_even(row, row.macs * row.steps * prices.price("fmac"), Machine(prices=prices))
            rates = [f"{row.rate:.3f}", "-" if at is None else f"{at:.2f}"]
        cells.append([row.name, row.op, row.reads, *numbers, *rates, f"{energy:.4f}"])
    return cells


def memory_cells(row: Mapping[str, Any]) -> Cells:
    """A line for each memory model: uJ of the run at int8 prices, and how many times each opponent's that is."""
    cells = [["memory model", "uJ at int8", *BASELINES]]
    for model, of in {"(computing alone)": None, **row["memory"]}.items():
        if of is None:
            saving = row["saving"]["strict_compute"]
            first, times = row["energy_uj"]["int8_prices"], [1 - saving[x] for x in BASELINES]
        else:
            first, times = of["int8"]["uj"][0], [1 - of[x]["saving"] for x in BASELINES]
        cells.append([model, f"{first:.3g}", *(f"{t:.2f}" for t in times)])
    return cells


def assumption_cells() -> Cells:
    """What each memory model assumes."""
    return [["memory model", "assumes", "source"]] + [[m.name, "; ".join(m.says), m.source] for m in MODELS.values()]


def memory_table(row: Mapping[str, Any]) -> str:
    return as_markdown(memory_cells(row))


def assumption_table() -> str:
    return as_markdown(assumption_cells())


def price_cells() -> Cells:
    cells = [["profile", "column or place", "pJ", "technology", "citation", "status"]]
    for p in profiles().values():
        cells += [[p.name, c, f"{v.pJ:g}", v.technology, v.citation, v.status] for c, v in p.prices.items()]
    return cells


def as_markdown(cells: Cells) -> str:
    lines = [f"| {' | '.join(line)} |" for line in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]])


def run_table(rows: Sequence[Mapping[str, Any]]) -> str:
    return as_markdown(run_cells(rows))


def layer_table(account: Account) -> str:
    """Markdown: what each node costs, and each layer's mean count against its break-even."""
    return as_markdown(layer_cells(account))


def price_table() -> str:
    return as_markdown(price_cells())

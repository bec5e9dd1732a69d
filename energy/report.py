"""``compare`` an ANN with spiking runs, and ``write`` energy.json, .csv, .md, .html and .png.

A row of ``energy.json``: {"run", "miou", "delta_miou", "macs", "acs", "neuron_updates", "spike_fed_share",
"coverage", "energy_uj": {"strict", "paper", ...}, "saving": {"strict", "paper", "paper_exact",
"strict_compute": {X: ...}, "strict_memory": {X: ...}}} and, beside these, "memory" ({model: {X: {"uj": [run, X],
"saving"}}}), "pricing", "confidence", "partial", "static", "profile" (at prices of the user's, or null),
"work" (`energy.work`), "layers" and "sentence". All per frame.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.files import write_whole
from energy.account import Account, mean_interval
from energy.costs import PER_UJ, Static, machine, total_pj
from energy.figure import png
from energy.hardware import Profile, profile
from energy.layers import layer_rows
from energy.memory import MODELS
from energy.page import Evidence, html
from energy.savings import BASELINES, PAPER, by_memory, by_profile, energies, pairs, pricings, savings
from energy.tables import assumption_table, layer_table, memory_table, price_table, run_table
from energy.verdict import sentence
from energy.work import work

FORMATS = ("json", "csv", "md", "html", "png")


def _confidence(ann: Account, run: Account, always: float = 0.0) -> dict[str, Any]:
    """Mean and half-width of the 95 % interval over samples; a dense ANN's own cost does not vary. ``always``: static
    pJ of a frame."""
    prices = profile(PAPER)
    mean, half = mean_interval((total_pj(run, machine(run, prices)) + always) * PER_UJ)
    dense = (float(total_pj(ann, machine(ann, prices)).mean()) + always) * PER_UJ
    return {"samples": run.samples, "energy_uj": [mean, half], "saving": [1 - mean / dense, half / dense]}


def _partial(run: Account) -> dict[str, Any]:
    """What Loihi's two published prices cover, and what they leave out: it cannot be a total."""
    totals, prices = run.totals.mean(), profile("loihi")
    covered = prices.energy(totals, columns=("ac_w", "neuron_updates"))
    left = [c for c in ("ac_int", "imac", "fmac", "mul") if getattr(totals, c)]
    return {
        "profile": "loihi",
        "uj": float(covered) * PER_UJ,
        "covers": ["ac_w", "neuron_updates"],
        "unpriced": left,
    }


def _row(
    name: str,
    ann: Account,
    run: Account,
    miou: float | None,
    reference: float | None,
    static: Static | None,
    prices: Profile | None,
) -> dict[str, Any]:
    samples, same = run, run is ann
    ann, run = ann.mean(), run.mean()  # the same costs, of one frame instead of many
    run = ann if same else run
    compute = {} if run is ann else pairs(ann, run, static=static)
    memory = {} if run is ann else {m: pairs(ann, run, m, static) for m in MODELS}
    totals = run.totals
    none = dict.fromkeys(BASELINES, 0.0)
    zero = {
        "strict": 0.0,
        "paper": 0.0,
        "paper_exact": 0.0,
        "strict_compute": none,
        "strict_memory": dict(none),
    }
    return {
        "run": name,
        "miou": miou,
        "delta_miou": None if miou is None or reference is None else miou - reference,
        "macs": run.macs,
        "acs": float(np.mean(totals.ac_w + totals.ac_int)),
        "neuron_updates": float(np.mean(totals.neuron_updates)),
        "spike_fed_share": run.spike_fed_share,
        "coverage": run.coverage,
        "energy_uj": energies(ann, run, static),
        "saving": zero if run is ann else savings(ann, run, static),
        "memory": {} if run is ann else by_memory(memory),
        "pricing": pricings(run),
        "confidence": _confidence(ann, samples, static.pj if static else 0.0),
        "partial": _partial(run),
        "sentence": "" if run is ann else sentence(name, compute, memory),
        "work": work(ann, run),
        "layers": layer_rows(ann, run),
        "static": {"uw": static.uw, "ms": static.ms} if static else None,
        "profile": None if run is ann or prices is None else by_profile(ann, run, prices, static),
    }


def compare(
    ann: Account,
    runs: Mapping[str, Account],
    mious: Mapping[str, float],
    *,
    ann_name: str = "ann",
    static: Static | None = None,
    prices: Profile | None = None,
) -> list[dict[str, Any]]:
    """One row for the ANN (saving 0), one for each run. ``mious`` by the same names; a name it lacks gets
    null. ``prices``: a profile to show beside the standard ones."""
    reference = mious.get(ann_name)
    rows = [_row(ann_name, ann, ann, reference, reference, static, prices)]
    return rows + [_row(name, ann, run, mious.get(name), reference, static, prices) for name, run in runs.items()]


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


NOT_IN_CSV = ("work", "layers")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """One row a run; amounts and layers are in energy.json."""
    frame = pd.DataFrame([_flat({k: v for k, v in r.items() if k not in NOT_IN_CSV}) for r in rows])
    return frame.to_csv(index=False, lineterminator="\n")


def markdown(rows: Sequence[Mapping[str, Any]], accounts: Mapping[str, Account]) -> str:
    parts = ["# Energy", run_table(rows), *(r["sentence"] for r in rows if r["sentence"])]
    for row in rows:
        if row["memory"]:
            parts += [f"## {row['run']}: uJ of a frame, and times the opponent's, by memory model", memory_table(row)]
    for name, account in accounts.items():
        parts += [f"## {name}: layers (coverage {account.coverage:.0%} of nodes)", layer_table(account)]
    return "\n\n".join([*parts, "## Memory models", assumption_table(), "## Prices", price_table()]) + "\n"


def write(
    rows: Sequence[Mapping[str, Any]],
    accounts: Mapping[str, Account],
    out: Path,
    evidence: Evidence | None = None,
    prices: Profile | None = None,
) -> list[Path]:
    """Write the five files into ``out``; returns their paths. ``accounts`` by run name, in the order of
    ``rows``."""
    image = png(accounts)
    text = markdown(rows, accounts)
    contents: dict[str, bytes | str] = {
        "json": json.dumps(list(rows), indent=1, allow_nan=False),
        "csv": csv_text(rows),
        "md": text,
        "html": html(rows, evidence, prices),
        "png": image,
    }
    paths = [out / f"energy.{f}" for f in FORMATS]
    for path, form in zip(paths, FORMATS, strict=True):
        write_whole(path, contents[form])
    return paths


__all__ = ["compare", "layer_table", "write"]

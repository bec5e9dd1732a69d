"""Savings, each under its own name, of a spiking run against an ANN. 1 - E_SNN / E_X.

* ``paper``: E = sum over layers and products of (spike-fed: mean count x dense MACs x 0.9 pJ; real: MACs x
  4.6 pJ), what the literature prints. ``paper_exact``: the same prices on the events that happened.
* ``strict_compute(X)``: every arithmetic column of the whole network, front end included, one precision for
  both sides.
* ``by_memory`` (M, X): the same plus what is moved, under the memory model M (`energy.memory`);
  ``strict_memory(X)`` is that of ``perfect_reuse``.
* X: an opponent of `energy.baselines`: the ANN dense or zero-skipping, in fp32 or int8; the spiking network as a
  quantised one, zero-skipping, dense, or as graded events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from energy.account import Account, Row
from energy.baselines import BASELINES, FP32, Rewrite
from energy.columns import PRICINGS
from energy.costs import PER_UJ, Machine, Static, machine, pairs_pj, total_pj, unpriced
from energy.hardware import Profile, profile
from energy.memory import MODELS

PAPER = FP32
REUSE = "perfect_reuse"


def row_pj(row: Row) -> np.ndarray:
    """pJ of computing a row at the prices of the literature, [S]."""
    return Machine(prices=profile(PAPER)).row_pj(row)


def pricing_rewrite(name: str) -> Rewrite:
    """A count priced ``unary``, ``graded`` or ``shift_add``."""

    def rewrite(row: Row) -> Row:
        counts = PRICINGS[name](row.counts)
        return replace(row, counts=counts, imac_bits=row.count_bits) if row.spiking else replace(row, counts=counts)

    return rewrite


def pricings(account: Account, name: str = PAPER) -> dict[str, float]:
    """uJ of a frame, every way to price a count."""
    prices = profile(name)
    return {
        p: float(total_pj(account, machine(account, prices, rewrite=pricing_rewrite(p))).mean()) * PER_UJ
        for p in PRICINGS
    }


def _paper_row(row: Row, mac: float, ac: float) -> float:
    return row.rate * row.macs * ac if row.spiking else row.macs * row.steps * mac


def _exact_row(row: Row, mac: float, ac: float) -> float:
    events = row.counts.ac_w + row.counts.ac_int
    return float(np.mean(events)) * ac if row.spiking else row.macs * row.steps * mac


def _paper(account: Account, each: Callable[[Row, float, float], float]) -> float:
    prices = profile(PAPER)
    return sum(each(r, prices.price("fmac"), prices.price("ac_w")) for r in account.layers)


def paper_pj(account: Account) -> float:
    return _paper(account, _paper_row)


def paper_exact_pj(account: Account) -> float:
    return _paper(account, _exact_row)


def saved(ours: float, theirs: float) -> float:
    if theirs <= 0:
        raise ValueError(f"a saving needs a baseline that costs something, found {theirs} pJ")
    return 1.0 - ours / theirs


def pairs(ann: Account, snn: Account, memory: str = "", static: Static | None = None) -> dict[str, tuple[float, float]]:
    """Opponent -> pJ of a frame of (the spiking run, the opponent)."""
    return pairs_pj(BASELINES, ann, snn, memory=memory, static=static)


def savings(ann: Account, snn: Account, static: Static | None = None) -> dict[str, object]:
    """{"strict", "paper", "paper_exact", "strict_compute": {X: saving}, "strict_memory": {X: saving}}."""
    compute = {x: saved(*pair) for x, pair in pairs(ann, snn, static=static).items()}
    literature = paper_pj(ann)
    return {
        "strict": compute["dense_fp32"],
        "paper": saved(paper_pj(snn), literature),
        "paper_exact": saved(paper_exact_pj(snn), literature),
        "strict_compute": compute,
        "strict_memory": {x: saved(*pair) for x, pair in pairs(ann, snn, REUSE, static).items()},
    }


def by_memory(memory: Mapping[str, Mapping[str, tuple[float, float]]]) -> dict[str, dict[str, dict[str, object]]]:
    """Of pairs by model and opponent: model -> opponent -> {"uj": [the run, the opponent], "saving"}."""
    return {
        model: {
            x: {"uj": [ours * PER_UJ, theirs * PER_UJ], "saving": saved(ours, theirs)}
            for x, (ours, theirs) in of.items()
        }
        for model, of in memory.items()
    }


def by_profile(ann: Account, snn: Account, prices: Profile, static: Static | None = None) -> dict[str, object]:
    """Both sides of every comparison at the prices of one profile, whatever their precision: {"name", "uj": {place:
    {X: [the run, X]}}, "saving": {place: {X: saving}}, "unpriced": {model: places without a price}}. A place is
    ``compute`` or a memory model."""
    lacking = {m: sorted({*unpriced(ann, prices, m), *unpriced(snn, prices, m)}) for m in MODELS}
    places = {"compute": "", **{m: m for m in MODELS if not lacking[m]}}
    pj = {
        place: pairs_pj(BASELINES, ann, snn, memory=memory, prices=prices, static=static)
        for place, memory in places.items()
    }
    return {
        "name": prices.name,
        "uj": {p: {x: [e * PER_UJ for e in pair] for x, pair in of.items()} for p, of in pj.items()},
        "saving": {p: {x: saved(*pair) for x, pair in of.items()} for p, of in pj.items()},
        "unpriced": {m: missing for m, missing in lacking.items() if missing},
    }


def energies(ann: Account, snn: Account, static: Static | None = None) -> dict[str, float]:
    """uJ of a frame of the run, and of every opponent it is compared with."""
    compute, memory = pairs(ann, snn, static=static), pairs(ann, snn, REUSE, static)
    shown = {
        "strict": compute["dense_fp32"][0],
        "paper": paper_pj(snn),
        "paper_exact": paper_exact_pj(snn),
        "int8_prices": compute["int8"][0],
        "with_memory": memory["dense_fp32"][0],
        "with_memory_int8_prices": memory["int8"][0],
    }
    shown |= {f"baseline_{x}": theirs for x, (_, theirs) in compute.items()}
    shown |= {f"baseline_{x}_with_memory": theirs for x, (_, theirs) in memory.items()}
    return {k: v * PER_UJ for k, v in shown.items()}

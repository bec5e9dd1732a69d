"""Savings, each under its own name, of a spiking run against an ANN. 1 - E_SNN / E_X.

* ``paper``: E = sum over layers and products of (spike-fed: mean count x dense MACs x 0.9 pJ; real: MACs x
  4.6 pJ), what the literature prints. ``paper_exact``: the same prices on the events that happened.
* ``strict_compute(X)``: every arithmetic column of the whole network, front end included, one precision for
  both sides.
* ``strict_memory(X)``: the same plus bytes, under the reuse model of ``energy.counters.traffic``.
* X: ``dense_fp32``, ``zeroskip_fp32``, ``int8`` (the ANN), ``qann`` (the spiking network run as a quantised
  one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from energy.account import Account, Row
from energy.baselines import Rewrite, dense, qann, zeroskip
from energy.columns import ARITHMETIC, PRICINGS, TRAFFIC
from energy.hardware import Profile, profile

PER_UJ = 1e-6
PAPER = "fp32_45nm"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """``of``: whose rows are rewritten; ``shrink``: fp32 words to this profile's words, in bytes."""

    label: str
    profile: str
    of: str
    rewrite: Rewrite
    shrink: float


BASELINES = {
    "dense_fp32": Baseline(label="the dense fp32 ANN", profile="fp32_45nm", of="ann", rewrite=dense, shrink=1.0),
    "zeroskip_fp32": Baseline(
        label="the zero-skipping fp32 ANN", profile="fp32_45nm", of="ann", rewrite=zeroskip, shrink=1.0
    ),
    "int8": Baseline(label="the int8 ANN", profile="int8_45nm", of="ann", rewrite=dense, shrink=0.25),
    "qann": Baseline(label="the zero-skipping quantised ANN", profile="int8_45nm", of="snn", rewrite=qann, shrink=0.25),
}


def row_pj(row: Row, prices: Profile, *, memory: bool = False, shrink: float = 1.0) -> np.ndarray:
    """pJ of a frame, [S]. Spike bytes and neuron states (wide accumulators) do not shrink with the word."""
    compute: np.ndarray = prices.energy(row.counts, columns=ARITHMETIC, bits=row.imac_bits)
    if not memory:
        return compute
    c = row.counts
    act = c.spike_B + (c.act_B - c.spike_B) * shrink
    total: np.ndarray = compute + prices.energy(replace(c, weight_B=c.weight_B * shrink, act_B=act), columns=TRAFFIC)
    return total


def account_pj(
    account: Account, prices: Profile, *, rewrite: Rewrite = dense, memory: bool = False, shrink: float = 1.0
) -> np.ndarray:
    total = np.zeros(account.samples)
    for row in account.rows:
        total = total + row_pj(rewrite(row), prices, memory=memory, shrink=shrink)
    return total


def both_pj(x: str, ann: Account, snn: Account, *, memory: bool = False) -> tuple[float, float]:
    """pJ of a frame: (the spiking run, baseline ``x``), at the baseline's precision."""
    b = BASELINES[x]
    prices = profile(b.profile)
    source = {"ann": ann, "snn": snn}[b.of]
    ours = account_pj(snn, prices, memory=memory, shrink=b.shrink)
    theirs = account_pj(source, prices, rewrite=b.rewrite, memory=memory, shrink=b.shrink)
    return float(ours.mean()), float(theirs.mean())


def pricing_rewrite(name: str) -> Rewrite:
    """A count priced ``unary``, ``graded`` or ``shift_add``."""

    def rewrite(row: Row) -> Row:
        counts = PRICINGS[name](row.counts)
        return replace(row, counts=counts, imac_bits=row.count_bits) if row.spiking else replace(row, counts=counts)

    return rewrite


def pricings(account: Account, name: str = PAPER) -> dict[str, float]:
    """uJ of a frame, every way to price a count."""
    return {p: float(account_pj(account, profile(name), rewrite=pricing_rewrite(p)).mean()) * PER_UJ for p in PRICINGS}


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


def savings(ann: Account, snn: Account) -> dict[str, object]:
    """{"strict", "paper", "paper_exact", "strict_compute": {X: saving}, "strict_memory": {X: saving}}."""
    compute = {x: saved(*both_pj(x, ann, snn)) for x in BASELINES}
    literature = paper_pj(ann)
    return {
        "strict": compute["dense_fp32"],
        "paper": saved(paper_pj(snn), literature),
        "paper_exact": saved(paper_exact_pj(snn), literature),
        "strict_compute": compute,
        "strict_memory": {x: saved(*both_pj(x, ann, snn, memory=True)) for x in BASELINES},
    }


def energies(ann: Account, snn: Account) -> dict[str, float]:
    """uJ of a frame of the run, and of every baseline it is compared with."""
    at_fp32, at_int8 = both_pj("dense_fp32", ann, snn), both_pj("int8", ann, snn)
    shown = {
        "strict": at_fp32[0],
        "paper": paper_pj(snn),
        "paper_exact": paper_exact_pj(snn),
        "int8_prices": at_int8[0],
    }
    shown["with_memory"] = both_pj("dense_fp32", ann, snn, memory=True)[0]
    shown["with_memory_int8_prices"] = both_pj("int8", ann, snn, memory=True)[0]
    shown |= {f"baseline_{x}": both_pj(x, ann, snn)[1] for x in BASELINES}
    shown |= {f"baseline_{x}_with_memory": both_pj(x, ann, snn, memory=True)[1] for x in BASELINES}
    return {k: v * PER_UJ for k, v in shown.items()}


def break_even(row: Row, name: str = PAPER) -> float:
    """The mean count of a layer's input at which its events cost what its dense MACs would."""
    prices = profile(name)
    events = float(np.mean(row.counts.ac_w + row.counts.ac_int))
    dearer = prices.price("fmac") / prices.price("ac_w")
    return dearer * row.macs * row.rate / events if events else dearer


def _verdict(pairs: Mapping[str, tuple[float, float]]) -> str:
    """For example: saves 80 % against X but costs 1.2 times Y. Each pair is (ours, theirs)."""
    wins = [f"{saved(*p):.1%} against {BASELINES[x].label}" for x, p in pairs.items() if p[0] < p[1]]
    losses = [f"{o / t:.2f} times {BASELINES[x].label}" for x, (o, t) in pairs.items() if o >= t]
    sides = (("saves", wins), ("costs", losses))
    return " but ".join(f"{verb} {', '.join(parts)}" for verb, parts in sides if parts)


def sentence(name: str, ann: Account, snn: Account) -> str:
    """All comparisons in one sentence: a run that wins against fp32 and loses elsewhere says both."""
    compute = {x: both_pj(x, ann, snn) for x in BASELINES}
    memory = {x: both_pj(x, ann, snn, memory=True) for x in BASELINES}
    fp32, int8 = compute["dense_fp32"], compute["int8"]
    ours, theirs = ([p[i] * PER_UJ for p in (fp32, int8)] for i in (0, 1))
    return (
        f"{name} computes a frame with {ours[0]:.3g} uJ at fp32 prices ({ours[1]:.3g} at int8; "
        f"dense ANN: {theirs[0]:.3g} and {theirs[1]:.3g}): it {_verdict(compute)}; "
        f"with memory traffic it {_verdict(memory)}."
    )

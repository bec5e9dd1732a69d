"""What is paid for, before it is paid: amounts by price, so that anybody can price a network again without running it.

    pJ of a frame = sum over prices of amount x price

A price is an arithmetic column, ``imac_per_bit`` (integer MACs times their bits), or a place that data moves to
(``register``, ``local_8kB``, ..., ``buffer``, ``dram``). Amounts depend on the machine (the run's own, or an
opponent's), the memory model, and the width of a word; they do not depend on any price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from energy.account import Account, Row
from energy.baselines import BASELINES, Rewrite, dense
from energy.columns import ARITHMETIC, MOVED
from energy.hardware import Profile, profiles
from energy.memory import MODELS, MemoryModel

COMPUTE = "compute"
OWN = "own"  # the run itself, beside the names of opponents
DIGITS = 9
Amounts = dict[str, float]


def part(name: str) -> str:
    """``sites.head.mlp.act1`` belongs with ``head.mlp``."""
    return ".".join(name.removeprefix("sites.").split(".")[:2])


def widths() -> list[int]:
    """Bits of a word, of the profiles that can price a whole network."""
    return sorted({p.word_bits for p in profiles().values() if p.whole})


def _place(model: MemoryModel, column: str) -> tuple[str, float]:
    """Whose price a moved column pays, and how often for one unit of it."""
    special = {"addr_ops": "ac_int", "register_rw": "register", "dram_B": "dram"}
    place = special.get(column) or model.places.get(column, "buffer")
    return place, 2 / 8 if column == "msg_bits" else 1.0


def _arithmetic(row: Row) -> Iterable[tuple[str, float]]:
    for column in ARITHMETIC:
        amount = float(getattr(row.counts, column))
        yield column, amount
        if column == "imac":
            yield "imac_per_bit", amount * row.imac_bits


def _moved(
    row: Row, model: MemoryModel, word_B: float, by_events: bool, from_dram: bool
) -> Iterable[tuple[str, float]]:
    counts = model.charge(row, word_B, by_events=by_events, from_dram=from_dram)
    for column in MOVED:
        if amount := getattr(counts, column):
            place, times = _place(model, column)
            yield place, float(amount) * times


def amounts(
    account: Account, *, rewrite: Rewrite = dense, memory: str = "", word_bits: int = 32, by_events: bool = False
) -> dict[str, Amounts]:
    """Part of the network -> price -> amount of a frame, of an account's mean."""
    model, word_B = MODELS.get(memory), word_bits / 8
    from_dram = model is not None and model.overflows(account, word_B)
    parts: dict[str, Amounts] = {}
    for each in account.mean().rows if account.samples > 1 else account.rows:
        row = rewrite(each)
        paid = list(_arithmetic(row))
        if model is not None:
            paid += _moved(row, model, word_B, by_events, from_dram)
        total = parts.setdefault(part(each.name), {})
        for price, amount in paid:
            if amount:
                total[price] = total.get(price, 0.0) + amount
    return parts


def together(parts: Mapping[str, Amounts]) -> Amounts:
    total: Amounts = {}
    for of in parts.values():
        for price, amount in of.items():
            total[price] = total.get(price, 0.0) + amount
    return total


def _rounded(values: Amounts) -> Amounts:
    return {k: float(f"{v:.{DIGITS}g}") for k, v in values.items()}


def _by_place(account: Account, rewrite: Rewrite, by_events: bool) -> dict[str, dict[str, dict[str, Amounts]]]:
    """``compute`` or a memory model -> bits of a word -> part -> price -> amount."""
    found = {COMPUTE: {"any": amounts(account, rewrite=rewrite)}}
    for model in MODELS:
        found[model] = {
            str(bits): amounts(account, rewrite=rewrite, memory=model, word_bits=bits, by_events=by_events)
            for bits in widths()
        }
    return found


def work(ann: Account, run: Account) -> dict[str, object]:
    """Of a frame: {"own": {place: {bits: {part: {price: amount}}}}, "opponents": {X: {place: {bits: {price:
    amount}}}}}; the ANN's own is that of a dense machine."""
    own = _by_place(run, dense, run is not ann)
    others: dict[str, object] = {}
    for x, opponent in BASELINES.items() if run is not ann else ():
        source = {"ann": ann, "snn": run}[opponent.of]
        table = _by_place(source, opponent.rewrite, opponent.events)
        others[x] = {p: {b: _rounded(together(parts)) for b, parts in of.items()} for p, of in table.items()}
    return {
        OWN: {p: {b: {n: _rounded(v) for n, v in parts.items()} for b, parts in of.items()} for p, of in own.items()},
        "opponents": others,
    }


def priced(amounts: Mapping[str, float], profile: Profile) -> float | None:
    """pJ, or None where something that is used has no price."""
    if not amounts.keys() <= profile.prices.keys():
        return None
    return sum(amount * profile.prices[key].pJ for key, amount in amounts.items())


def repriced(row: Mapping[str, Any], x: str, place: str, profile: Profile) -> tuple[float, float] | None:
    """pJ of (the run, opponent ``x``) from a row of energy.json, at any profile."""
    bits = "any" if place == COMPUTE else str(profile.word_bits)
    ours = priced(together(row["work"][OWN][place][bits]), profile)
    theirs = priced(row["work"]["opponents"][x][place][bits], profile)
    return None if ours is None or theirs is None else (ours, theirs)

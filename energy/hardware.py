"""``Profile``: pJ per column, read from ``hardware.csv``, where every price has a citation and a status.

An integer MAC with a count of b bits costs ``imac`` + ``imac_per_bit`` b. A column that is used but has no
price in a profile is an error: Loihi, for one, has no multiply-accumulate, so no network that keeps a MAC
can be priced on it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from common.words import not_among
from energy.columns import ARITHMETIC, Counts

STATUSES = ("cited", "derived", "assumed")


@dataclass(frozen=True, kw_only=True)
class Price:
    pJ: float
    technology: str
    citation: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    name: str
    prices: Mapping[str, Price]

    def price(self, column: str, *, bits: int = 8) -> float:
        """pJ of one unit of ``column``; ``bits`` is the width of the count in an integer MAC."""
        if column not in self.prices:
            raise ValueError(
                f"profile '{self.name}' has no price for column '{column}', found {', '.join(sorted(self.prices))}"
            )
        fixed = self.prices[column].pJ
        return fixed + self.prices["imac_per_bit"].pJ * bits if column == "imac" else fixed

    def energy(self, counts: Counts, *, columns: tuple[str, ...] = ARITHMETIC, bits: int = 8) -> np.ndarray:
        """pJ of the named columns; an array where the counts are one."""
        total = np.zeros(())
        for column in columns:
            amount = np.asarray(getattr(counts, column), dtype=float)
            if np.any(amount):
                total = total + amount * self.price(column, bits=bits)
        return total


@cache
def profiles() -> Mapping[str, Profile]:
    table: dict[str, dict[str, Price]] = {}
    text = files("energy").joinpath("hardware.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        if line["status"] not in STATUSES:
            raise ValueError(
                f"hardware.csv: status of {line['profile']}/{line['column']} is '{line['status']}', "
                f"expected one of {', '.join(STATUSES)}"
            )
        price = Price(
            pJ=float(line["pJ"]),
            technology=line["technology"],
            citation=line["citation"],
            status=line["status"],
        )
        table.setdefault(line["profile"], {})[line["column"]] = price
    return MappingProxyType({n: Profile(name=n, prices=p) for n, p in table.items()})


def profile(name: str) -> Profile:
    known = profiles()
    if name not in known:
        raise ValueError(not_among("the energy profile", name, known))
    return known[name]

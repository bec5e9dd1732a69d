"""``Profile``: pJ per column and per place, read from ``hardware.csv`` or a file of the user's; every price has a
citation and a status.

An integer MAC with a count of b bits costs ``imac`` + ``imac_per_bit`` b. Places cost pJ a byte (``local_*``: the
memory beside a core, by its size; ``buffer``: the large one on the chip; ``dram``), ``register`` pJ an access. What is
used but has no price in a profile is an error: Loihi, for one, has no multiply-accumulate, so no network that keeps a
MAC can be priced on it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from common.words import nearest, not_among
from energy.columns import ARITHMETIC, Counts

STATUSES = ("cited", "derived", "assumed")
PLACES = ("register", "local_8kB", "local_32kB", "local_1MB", "buffer", "dram")
PRICED = (*ARITHMETIC, "imac_per_bit", *PLACES, "neuron_updates")
MAY_BE_FREE = ("imac_per_bit",)
HEADER = ("profile", "word_bits", "column", "pJ", "technology", "citation", "status")


@dataclass(frozen=True, kw_only=True)
class Price:
    pJ: float
    technology: str
    citation: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """``word_bits``: the width of a weight, and of an activation that is no count."""

    name: str
    word_bits: int
    prices: Mapping[str, Price]

    @property
    def word_B(self) -> float:
        return self.word_bits / 8

    @property
    def whole(self) -> bool:
        """Every arithmetic column has a price, so that any network can be priced."""
        return {*ARITHMETIC, "imac_per_bit"} <= self.prices.keys()

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
        total: Any = 0.0
        for column in columns:
            amount = getattr(counts, column)
            if np.any(amount) if isinstance(amount, np.ndarray) else amount:
                total = total + amount * self.price(column, bits=bits)
        return np.asarray(total, dtype=float)


def _number(text: str, where: str, free: bool) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{where}: pJ is '{text}', expected a number") from error
    if not math.isfinite(value) or value < 0 or (value == 0 and not free):
        raise ValueError(f"{where}: pJ is {text}, expected a finite number above 0")
    return value


def _price(line: Mapping[str, str | None], file: str, number: int) -> tuple[str, int, str, Price]:
    """One line of a file -> (profile, its word, column, price), checked."""
    text = {key: (line.get(key) or "").strip() for key in HEADER}
    name, column = text["profile"], text["column"]
    where = f"{file}, line {number} ({name or 'no profile'}/{column or 'no column'})"
    if not name:
        raise ValueError(f"{where}: profile is empty, expected a name")
    if column not in PRICED:
        raise ValueError(f"{where}: {not_among('column', column, PRICED)}")
    if not text["word_bits"].isdecimal() or not 1 <= int(text["word_bits"]) <= 64:
        raise ValueError(f"{where}: word_bits is '{text['word_bits']}', expected 1 to 64")
    if text["status"] not in STATUSES:
        raise ValueError(f"{where}: {not_among('status', text['status'], STATUSES)}")
    for key in ("citation", "technology"):
        if not text[key]:
            raise ValueError(f"{where}: {key} is empty, expected where the price is from")
    price = Price(
        pJ=_number(text["pJ"], where, column in MAY_BE_FREE),
        technology=text["technology"],
        citation=text["citation"],
        status=text["status"],
    )
    return name, int(text["word_bits"]), column, price


def read_profiles(lines: Iterable[str], file: str) -> dict[str, Profile]:
    """The profiles of a CSV file; every fault is a sentence that names the file, the line and the column."""
    reader = csv.DictReader(lines)
    header = tuple(reader.fieldnames or ())
    if set(header) != set(HEADER):
        missing = [key for key in HEADER if key not in header] or [key for key in header if key not in HEADER]
        raise ValueError(
            f"{file}: found the header {','.join(header)}, expected {','.join(HEADER)}; "
            f"the first difference: '{missing[0]}'"
        )
    prices: dict[str, dict[str, Price]] = {}
    words: dict[str, int] = {}
    for line in reader:
        name, word, column, price = _price(line, file, reader.line_num)
        if column in prices.setdefault(name, {}):
            raise ValueError(f"{file}, line {reader.line_num}: {name}/{column} is priced twice, expected once")
        if words.setdefault(name, word) != word:
            raise ValueError(
                f"{file}, line {reader.line_num}: word_bits of {name} is {word}, expected {words[name]} as before"
            )
        prices[name][column] = price
    if not prices:
        raise ValueError(f"{file}: found no price, expected at least one line under the header")
    return {n: Profile(name=n, word_bits=words[n], prices=MappingProxyType(p)) for n, p in prices.items()}


@cache
def profiles() -> Mapping[str, Profile]:
    text = files("energy").joinpath("hardware.csv").read_text(encoding="utf-8")
    return MappingProxyType(read_profiles(text.splitlines(), "hardware.csv"))


def profile(name: str) -> Profile:
    known = profiles()
    if name not in known:
        raise ValueError(not_among("the energy profile", name, known))
    return known[name]


def profile_of(word: str) -> Profile:
    """A profile by its name, or the one of a file of the user's (``mine.csv``), which must price all arithmetic."""
    if not word.endswith(".csv"):
        chosen = profile(word)
    else:
        path = Path(word)
        if not path.is_file():
            near = nearest(path.name, sorted(p.name for p in path.parent.glob("*.csv"))) if path.parent.is_dir() else ""
            raise ValueError(
                f"energy.profile: found no file '{word}', expected a CSV with the header {','.join(HEADER)}"
                + (f"; nearest: '{near}'" if near else "")
            )
        of_file = read_profiles(path.read_text(encoding="utf-8").splitlines(), word)
        if len(of_file) > 1:
            raise ValueError(f"{word}: found the profiles {', '.join(of_file)}, expected one")
        (chosen,) = of_file.values()
        if chosen.name in profiles():
            raise ValueError(f"{word}: profile '{chosen.name}' is one of hardware.csv, expected another name")
    if not chosen.whole:
        missing = [c for c in (*ARITHMETIC, "imac_per_bit") if c not in chosen.prices]
        raise ValueError(f"profile '{chosen.name}' has no price for {', '.join(missing)}, expected all arithmetic")
    return chosen

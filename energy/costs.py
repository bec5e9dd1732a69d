"""What the rows of an account cost on a machine: pJ of a frame, by the row, and in all.

    compute                 sum over arithmetic columns of amount x price
    under a memory model    compute + sum over moved columns of amount x price of its place

A row is rewritten first (`energy.baselines`) for what another machine would do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from energy.account import Account, Row
from energy.baselines import BASELINES, Baseline, Rewrite, dense
from energy.columns import ARITHMETIC
from energy.hardware import Profile, profile
from energy.memory import MODELS, MemoryModel

PER_UJ = 1e-6


@dataclass(frozen=True, kw_only=True)
class Machine:
    """``memory`` None: computing alone. ``from_dram``: the weights do not fit on the chip."""

    prices: Profile
    rewrite: Rewrite = dense
    memory: MemoryModel | None = None
    by_events: bool = False
    from_dram: bool = False

    def row_pj(self, row: Row) -> np.ndarray:
        """pJ of a frame, [S] or a number."""
        row = self.rewrite(row)
        total: np.ndarray = self.prices.energy(row.counts, columns=ARITHMETIC, bits=row.imac_bits)
        if self.memory is None:
            return total
        moved = self.memory.charge(row, self.prices.word_B, by_events=self.by_events, from_dram=self.from_dram)
        return total + self.memory.pj(moved, self.prices)


def machine(
    account: Account,
    prices: Profile,
    *,
    memory: str = "",
    rewrite: Rewrite = dense,
    by_events: bool = False,
) -> Machine:
    """The machine that an account is priced on; ``memory``: the name of a model, or computing alone."""
    model = MODELS[memory] if memory else None
    overflows = model is not None and model.overflows(account, prices.word_B)
    return Machine(prices=prices, rewrite=rewrite, memory=model, by_events=by_events, from_dram=overflows)


def total_pj(account: Account, where: Machine) -> np.ndarray:
    """[S] over samples."""
    total = np.zeros(account.samples)
    for row in account.rows:
        total = total + where.row_pj(row)
    return total


def spiking_machine(snn: Account, prices: Profile, memory: str = "") -> Machine:
    return machine(snn, prices, memory=memory, by_events=True)


def opponent_machine(opponent: Baseline, source: Account, prices: Profile, memory: str = "") -> Machine:
    return machine(source, prices, memory=memory, rewrite=opponent.rewrite, by_events=opponent.events)


@dataclass(frozen=True, kw_only=True)
class Static:
    """Power that flows whether or not anything happens: ``uw`` microwatt for ``ms`` of a frame, to both networks."""

    uw: float = 0.0
    ms: float = 0.0

    @property
    def pj(self) -> float:
        return self.uw * self.ms * 1e3


def pair_pj(
    x: str, ann: Account, snn: Account, *, memory: str = "", prices: Profile | None = None, static: Static | None = None
) -> tuple[float, float]:
    """pJ of a frame: (the spiking run, opponent ``x``), both at the opponent's precision, or at ``prices``."""
    return pairs_pj((x,), ann, snn, memory=memory, prices=prices, static=static)[x]


def pairs_pj(
    names: Iterable[str],
    ann: Account,
    snn: Account,
    *,
    memory: str = "",
    prices: Profile | None = None,
    static: Static | None = None,
) -> dict[str, tuple[float, float]]:
    """The same for several opponents; the spiking run is priced once for each precision."""
    always, ours, pairs = static.pj if static else 0.0, dict[str, float](), dict[str, tuple[float, float]]()
    for x in names:
        opponent = BASELINES[x]
        at = prices or profile(opponent.profile)
        if at.name not in ours:
            ours[at.name] = float(total_pj(snn, spiking_machine(snn, at, memory)).mean())
        source = {"ann": ann, "snn": snn}[opponent.of]
        theirs = total_pj(source, opponent_machine(opponent, source, at, memory))
        pairs[x] = ours[at.name] + always, float(theirs.mean()) + always
    return pairs


def unpriced(account: Account, prices: Profile, memory: str) -> list[str]:
    """The places that a model uses and a profile has no price for."""
    if not memory:
        return []
    needed = MODELS[memory].needs(MODELS[memory].overflows(account, prices.word_B))
    return sorted(needed - prices.prices.keys())

"""``--mode energy``: count what runs do, price it, compare it."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.limits import within
from experiments.modes.mode import Mode


@dataclass(frozen=True, kw_only=True)
class EnergySettings:
    """``runs``: the ANN first, then what is compared with it. ``out``: default, beside the first run."""

    mode: str = "energy"
    runs: tuple[str, ...] = ()
    clips: int = within(40, least=1)
    device: str = "cpu"
    out: str = ""


def run(settings: EnergySettings) -> None:
    from experiments.energy_mode import energy

    energy(settings)


ENERGY = Mode(
    name="energy",
    summary="count the events of runs, price them, compare (--runs ANN SNN ...)",
    settings=EnergySettings,
    run=run,
    reads="runs",
    needs_run=True,
)

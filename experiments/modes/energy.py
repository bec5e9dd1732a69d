"""``--mode energy``: count what runs do, price it, compare it."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.limits import within
from experiments.modes.mode import Mode


@dataclass(frozen=True, kw_only=True)
class PriceSettings:
    """``profile``: prices to show beside the standard ones, a name of energy/hardware.csv or a file like it
    (mine.csv). ``static_uw`` microwatt that flow for the ``frame_ms`` of a frame whatever happens, in both networks."""

    profile: str = ""
    static_uw: float = within(0.0, least=0)
    frame_ms: float = within(0.0, least=0)


@dataclass(frozen=True, kw_only=True)
class EnergySettings:
    """``runs``: the ANN first, then what is compared with it. ``out``: default, beside the first run."""

    mode: str = "energy"
    runs: tuple[str, ...] = ()
    clips: int = within(40, least=1)
    energy: PriceSettings = field(default_factory=PriceSettings)
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

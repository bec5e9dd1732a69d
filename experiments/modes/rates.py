"""``--mode rates``: how much each site of a run fires."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.limits import within
from experiments.modes.mode import Mode


@dataclass(frozen=True, kw_only=True)
class SitesSettings:
    """``sites``: which, by a pattern of their names as a shell has it: head.*, *norm1."""

    sites: str = "*"


@dataclass(frozen=True, kw_only=True)
class RatesSettings:
    """``out``: the folder of the table and the pictures; default, beside the run."""

    mode: str = "rates"
    run: str = ""
    clips: int = within(20, least=1)
    rates: SitesSettings = field(default_factory=SitesSettings)
    device: str = "cpu"
    out: str = ""


def run(settings: RatesSettings) -> None:
    from experiments.rates.mode import rates

    rates(settings)


RATES = Mode(
    name="rates",
    summary="spikes of each layer of a run (--run RUN)",
    settings=RatesSettings,
    run=run,
    reads="run",
    needs_run=True,
)

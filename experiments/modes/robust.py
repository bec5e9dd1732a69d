"""``--mode robust``: what a run marks where nothing that is heard is in view."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.limits import within
from experiments.modes.mode import Mode


@dataclass(frozen=True, kw_only=True)
class RobustSettings:
    """``clips``: of test, 0: all. ``seed``: of noise and donors. ``out``: the file of the scores; default, robust.json
    beside the run."""

    mode: str = "robust"
    run: str = ""
    clips: int = within(0, least=0)
    seed: int = within(0, least=0)
    device: str = "cpu"
    out: str = ""


def run(settings: RobustSettings) -> None:
    from experiments.robust_mode import robust

    robust(settings)


ROBUST = Mode(
    name="robust",
    summary="false positives under silence, noise and off-screen sound (--run RUN)",
    settings=RobustSettings,
    run=run,
    reads="run",
    needs_run=True,
)

"""``--mode demo``: the whole argument on synthetic clips, told once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.errors import UserError
from experiments.limits import GREATEST_SEED, within
from experiments.modes.mode import Mode
from experiments.run_folder import refuse_overwrite


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """``seed`` of training; ``out``: where the runs and the report go; ``epochs`` of the ANN, ``further`` of the SNN
    and the control; ``parallel``: trainings at once."""

    mode: str = "demo"
    seed: int = within(0, least=0, most=GREATEST_SEED)
    out: str = "runs/demo"
    epochs: int = within(2, least=0)
    further: int = within(3, least=0)
    train: int = within(1600, least=1)
    parallel: int = within(2, least=1)
    overwrite: bool = False


def check(settings: DemoSettings) -> None:
    out = Path(settings.out)
    if settings.overwrite:
        refuse_overwrite("out", out, "ann.out")
    elif out.exists():
        raise UserError(f"out is '{out}', which exists, expected a new folder, or --overwrite")


def run(settings: DemoSettings) -> None:
    from experiments.demo import demo

    demo(settings)


DEMO = Mode(
    name="demo",
    summary="the whole story on synthetic clips, with a report",
    settings=DemoSettings,
    run=run,
    check=check,
)

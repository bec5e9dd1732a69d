"""``--mode demo``: the whole argument on synthetic clips, told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from experiments.errors import UserError
from experiments.limits import GREATEST_SEED, within
from experiments.modes.mode import Mode
from experiments.overwrite import refuse_overwrite
from experiments.sweep import SweepSettings
from experiments.sweep import settings as sweep_settings
from experiments.sweep.lock import refuse_running
from experiments.sweep.record import RECORD


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """``seed`` of training; ``out``: where the runs and the report go; ``epochs`` of the ANN, ``further`` of the SNN
    and the control. ``resume``: continue a demo that was ended, with the same settings."""

    mode: str = "demo"
    seed: int = within(0, least=0, most=GREATEST_SEED)
    out: str = "runs/demo"
    epochs: int = within(2, least=0)
    further: int = within(3, least=0)
    train: int = within(1600, least=1)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    resume: bool = False
    overwrite: bool = False


def check(settings: DemoSettings) -> None:
    out = Path(settings.out)
    sweep_settings.check(settings.sweep)
    if settings.resume and settings.overwrite:
        raise UserError("--resume and --overwrite are both set, expected one: continue the demo, or replace it")
    if settings.overwrite:
        refuse_overwrite("out", out, RECORD if (out / RECORD).is_file() else "ann.out")
        refuse_running("out", out)
    elif settings.resume and not (out / RECORD).is_file():
        raise UserError(f"out is '{out}', which has no {RECORD}, expected the folder of a demo that was started")
    elif out.exists() and not settings.resume:
        raise UserError(f"out is '{out}', which exists, expected a new folder, or --resume, or --overwrite")


def run(settings: DemoSettings) -> None:
    from experiments.demo import demo

    demo(settings)


DEMO = Mode(
    name="demo",
    summary="the whole story on synthetic clips, with a report",
    settings=DemoSettings,
    run=run,
    check=check,
    aliases={"parallel": "sweep.parallel"},
)

"""``--mode ablate``: a grid of settings x paired seeds, and what of it makes a difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.choices import check_choices
from experiments.errors import UserError
from experiments.modes.mode import Mode
from experiments.overwrite import refuse_overwrite
from experiments.sweep import SweepSettings
from experiments.sweep import settings as sweep_settings
from experiments.sweep.lock import refuse_running
from experiments.sweep.record import RECORD


@dataclass(frozen=True, kw_only=True)
class AblateSettings:
    """``compared``: the config of the runs that are compared, in configs/; ``first``: of a run that all of a seed start
    from, or none. ``options`` of both, ``first_options`` and ``compared_options``: key=value. ``variants``: "label:
    key=value key=value"; ``grid``: "key=value,value,..."; every variant is run with every point of the grid.
    ``reference``: the label that all are held against, default the first. ``metric``: val chooses, test is reported.
    ``smoke``: the same on a few clips, to see that it runs; ``smoke_options``: of that."""

    mode: str = "ablate"
    question: str = ""
    compared: str = "demo_ann.yaml"
    first: str = ""
    options: tuple[str, ...] = ()
    first_options: tuple[str, ...] = ()
    compared_options: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    reference: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    metric: Literal["miou_val", "miou", "fscore"] = "miou_val"
    smoke: bool = False
    smoke_options: tuple[str, ...] = ()
    out: str = ""
    sweep: SweepSettings = field(default_factory=SweepSettings)
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_choices(self)


def check(settings: AblateSettings) -> None:
    """Everything that every run would refuse, before the first of them begins."""
    from experiments.ablation.plan import plan

    sweep_settings.check(settings.sweep)
    if not settings.out:
        raise UserError("out is empty, expected the folder of the ablation, for example --out runs/ablations/neuron")
    out = Path(settings.out)
    if settings.resume and settings.overwrite:
        raise UserError("--resume and --overwrite are both set, expected one: continue the ablation, or replace it")
    if settings.overwrite:
        refuse_overwrite("out", out, RECORD)
        refuse_running("out", out)
    elif settings.resume and not (out / RECORD).is_file():
        raise UserError(f"out is '{out}', which has no {RECORD}, expected the folder of an ablation that was started")
    elif out.exists() and not settings.resume:
        raise UserError(f"out is '{out}', which exists, expected a new folder, or --resume, or --overwrite")
    plan(settings)


def run(settings: AblateSettings) -> None:
    from experiments.ablation.mode import ablate

    ablate(settings)


ABLATE = Mode(
    name="ablate",
    summary="a grid of settings x paired seeds: table, figure, verdict (--config configs/ablations/X.yaml)",
    settings=AblateSettings,
    run=run,
    check=check,
    aliases={"parallel": "sweep.parallel"},
)

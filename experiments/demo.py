"""``--mode demo``: the whole argument on synthetic clips, told once.

1. train an ANN, and beside it an audio-blind one, the reference of the counterfactuals
2. convert the ANN and fine-tune it as an integer SNN; beside it, train the ANN on for the same steps: the fair control
3. count the events of both, price them, and print one table, losses of the SNN included
"""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from experiments.dataset import split
from experiments.datasets import ChimesSettings
from experiments.demo_report import report
from experiments.energy_mode import priced
from experiments.modes.demo import DemoSettings
from experiments.modes.energy import EnergySettings
from experiments.run_folder import prepare
from experiments.sweep import Point
from experiments.sweep.driver import sweep
from experiments.sweep.point import MAIN
from experiments.sweep.record import write_jobs

CONFIGS = MAIN.parent / "configs"
ANN, BLIND, CONTROL, SPIKING = "ann", "blind", "control", "snn"


def points(settings: DemoSettings) -> list[Point]:
    """Two trainings that need nothing, and two that start from the first."""
    out = Path(settings.out)
    first, further = str(settings.epochs), str(settings.further)

    def point(title: str, name: str, config: str, *more: str, after: tuple[Point, ...] = ()) -> Point:
        arguments = (
            "--config",
            str(CONFIGS / config),
            "--seed",
            str(settings.seed),
            "--data.train",
            str(settings.train),
        )
        return Point(title=title, run=out / name, arguments=(*arguments, *more), after=after)

    ann = point("train the ANN", ANN, "demo_ann.yaml", "--train.epochs", first)
    source = str(ann.run)
    spiking = ("demo_convert.yaml", "--from", source, "--train.epochs", further)
    control = ("demo_control.yaml", "--init", source, "--train.epochs", further)
    return [
        ann,
        point("train an audio-blind ANN", BLIND, "demo_ann.yaml", "--train.epochs", first, "--deaf", "true"),
        point("fine-tune as an SNN", SPIKING, *spiking, after=(ann,)),
        point("train the ANN on", CONTROL, *control, after=(ann,)),
    ]


def demo(settings: DemoSettings) -> None:
    console, started, out = Console(), time.perf_counter(), Path(settings.out)
    prepare(out, resume=settings.resume, overwrite=settings.overwrite)
    if not settings.resume:
        write_jobs(out, points(settings), {})  # from here on it can be resumed
    console.print(
        "[bold]SpikeAVS demo[/bold]: segment what sounds, as an ANN and as a spiking network, and count the cost"
    )
    data = ChimesSettings(train=settings.train)
    with console.status("drawing and synthesising clips"):
        for name in ("train", "val", "test"):
            split(data, name)
    # All four are needed for the report, so the first failure is the end.
    sweep(points(settings), settings.sweep, out, go_on=False)
    priced(EnergySettings(runs=(str(out / CONTROL), str(out / SPIKING)), out=str(out)))
    report(out, console, time.perf_counter() - started)

"""``--mode demo``: the whole argument on synthetic clips, told once.

1. train an ANN, and beside it an audio-blind one, the reference of the counterfactuals
2. convert the ANN and fine-tune it as an integer SNN; beside it, train the ANN on for the same steps: the fair control
3. count the events of both, price them, and print one table, losses of the SNN included
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from experiments.dataset import split
from experiments.demo_jobs import MAIN, Job, run_jobs
from experiments.demo_report import report
from experiments.energy_mode import priced
from experiments.modes.demo import DemoSettings
from experiments.modes.energy import EnergySettings
from experiments.run_folder import prepare
from experiments.settings import DataSettings

CONFIGS = MAIN.parent / "configs"
ANN, BLIND, CONTROL, SPIKING = "ann", "blind", "control", "snn"


def stages(settings: DemoSettings) -> list[list[Job]]:
    """Two stages of two runs each; within a stage they are independent."""
    out = Path(settings.out)

    def job(title: str, name: str, mode: str, config: str, *more: str) -> Job:
        folder = out / name
        arguments = (
            "--mode", mode, "--config", str(CONFIGS / config), "--run", str(folder),
            "--seed", str(settings.seed), "--data.train", str(settings.train), *more,
        )  # fmt: skip
        return Job(title, folder, arguments)

    first, further = str(settings.epochs), str(settings.further)
    source = str(out / ANN)
    return [
        [
            job("train the ANN", ANN, "ann", "demo_ann.yaml", "--train.epochs", first),
            job("train an audio-blind ANN", BLIND, "ann", "demo_ann.yaml", "--train.epochs", first, "--deaf", "true"),
        ],
        [
            job(
                "fine-tune as an SNN",
                SPIKING,
                "convert",
                "demo_convert.yaml",
                "--from",
                source,
                "--train.epochs",
                further,
            ),
            job("train the ANN on", CONTROL, "ann", "demo_control.yaml", "--init", source, "--train.epochs", further),
        ],
    ]


def demo(settings: DemoSettings) -> None:
    console, started, out = Console(), time.perf_counter(), Path(settings.out)
    prepare(out, resume=False, overwrite=settings.overwrite)
    console.print(
        "[bold]SpikeAVS demo[/bold]: segment what sounds, as an ANN and as a spiking network, and count the cost"
    )
    data = replace(DataSettings(), train=settings.train)
    with console.status("drawing and synthesising clips"):
        for name in ("train", "val", "test"):
            split(data, name)
    for jobs in stages(settings):
        run_jobs(jobs, settings.parallel)
    priced(EnergySettings(runs=(str(out / CONTROL), str(out / SPIKING)), out=str(out)))
    report(out, console, time.perf_counter() - started)

"""A trainer on random clips of 32 pixels: a step of a micro network takes some hundredths of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from avs.clip import Clips
from experiments.modes.ann import AnnSettings
from experiments.modes.snn import SnnSettings
from experiments.network import network as new_network
from experiments.settings import ModelSettings, NeuronSettings, RunSettings, TrainSettings
from experiments.training.fabric import fabric_of
from experiments.training.loop import Trainer
from graph.lower import Network

SIDE, FRAMES = 32, 2  # of a clip, unless more are asked for
MODEL = ModelSettings(name="miavs", spec="micro")
OWN = ("loss", "information", "distil", "augment", "fabric")


def random_clips(count: int, seed: int = 0, frames: int = FRAMES) -> Clips:
    """Of no object is known what it sounds."""
    random = torch.Generator().manual_seed(seed)
    clips = (count, frames)
    return Clips(
        frames=torch.randint(256, (*clips, 3, SIDE, SIDE), generator=random, dtype=torch.uint8),
        logmel=torch.randn(*clips, 1, 96, 64, generator=random),
        masks=torch.randint(2, (*clips, SIDE, SIDE), generator=random, dtype=torch.uint8),
        labelled=torch.ones(clips, dtype=torch.bool),
        valid=torch.ones(clips, dtype=torch.bool),
        slots=torch.zeros(*clips, SIDE, SIDE, dtype=torch.uint8),
        classes=torch.zeros(count, 0, dtype=torch.long),
        sounding=torch.zeros(*clips, 0, dtype=torch.bool),
    )


def settings(mode: str = "ann", *, model: ModelSettings = MODEL, seed: int = 0, **more: Any) -> RunSettings:
    """``more``: settings of the run by name, else those of ``train``. An epoch is 4 steps of 4 frames."""
    own = {key: more.pop(key) for key in OWN if key in more}
    train = TrainSettings(**{"epochs": 1, "batch": 4, "log_every": 1, **more})
    if mode == "snn":
        return SnnSettings(
            model=model, seed=seed, train=train, neuron=NeuronSettings(kind="lif", levels=1, steps=2), **own
        )
    return AnnSettings(model=model, seed=seed, train=train, **own)


def unscored(network: Network) -> float:
    raise AssertionError("nobody asked for a score")


def trainer(
    of: RunSettings,
    folder: Path,
    clips: Clips | None = None,
    validate: Callable[[Network], float] = unscored,
) -> Trainer:
    folder.mkdir(exist_ok=True)
    network = new_network(of, 1, of.seed)
    fabric = fabric_of(of, torch.device("cpu"), network.graph)
    fabric.launch()
    return Trainer(of, folder, network, clips or random_clips(8), fabric, validate)


def run(one: Trainer) -> Trainer:
    with Progress(disable=True) as progress:
        one.run(progress, "training")
    return one

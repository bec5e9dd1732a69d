"""``--mode snn``: train a spiking network."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.modes.mode import Mode
from experiments.settings import SpikingSettings


@dataclass(frozen=True, kw_only=True)
class SnnSettings(SpikingSettings):
    mode: str = "snn"


def run(settings: SnnSettings) -> None:
    from experiments.train_mode import train

    train(settings)


SNN = Mode(name="snn", summary="train a spiking network", settings=SnnSettings, run=run, reads="init")

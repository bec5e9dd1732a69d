"""``--mode ann``: train a real-valued network."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.modes.mode import Mode
from experiments.settings import RunSettings


@dataclass(frozen=True, kw_only=True)
class AnnSettings(RunSettings):
    """``deaf``: train under the sound of another random frame: the audio-blind reference. What it hears has the
    statistics of sound (silence would starve the batch norms) and tells nothing."""

    mode: str = "ann"
    deaf: bool = False


def run(settings: AnnSettings) -> None:
    from experiments.train_mode import train

    train(settings)


ANN = Mode(name="ann", summary="train a real-valued network", settings=AnnSettings, run=run, reads="init")

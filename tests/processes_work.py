"""What processes of one training do in tests: `python -m tests.processes_work NAME FOLDER`; the result is a line of
JSON."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import torch

from avs.meter import ClassMeter
from experiments.evaluate import score
from experiments.settings import FabricSettings
from experiments.training import processes
from experiments.training.loop import Trainer
from tests.trainers import random_clips, run, settings, trainer

# An epoch of 32 frames is 4 steps.
CLIPS, BATCH = 16, 8
VAL = 7  # an odd number: the processes have unequal parts


def losses(one: Trainer) -> list[float]:
    if not processes.first():
        return []
    with (one.folder / "log.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def checksum(one: Trainer) -> float:
    """Of the whole network, in every process."""
    return float(sum(value.double().abs().sum() for value in one.trained().state_dict().values()))


def train(folder: Path, name: str, mode: str = "ann", **more: Any) -> dict[str, Any]:
    """A training that is scored; what it read, too."""
    of = settings(mode, batch=BATCH, **more)
    # Both processes have one folder; a test's own process has made it.
    one = trainer(of, folder / name, random_clips(CLIPS))
    read: list[tuple[int, int, float]] = []
    update = one._update

    def noted(parts: Any) -> None:
        read.extend((one.step, clip, v) for clips, batch in parts for clip, v in _rows(clips, batch["logmel"]))
        update(parts)

    one._update = noted  # type: ignore[method-assign]
    network = run(one).trained()
    scored = score(network, random_clips(VAL, seed=1))
    result = {
        "losses": losses(one), "weights": checksum(one), "miou": scored.miou, "fscore": scored.fscore,
        "per_clip": scored.per_clip.tolist(), "read": read,
    }  # fmt: skip
    return result


def _rows(clips: torch.Tensor, sound: torch.Tensor) -> list[tuple[int, float]]:
    return [(clip, float(one.sum())) for clip, one in zip(clips.tolist(), sound, strict=True)]


# ---- what tests ask for; alone and in several processes --------------------------------------------------------------
def plain(folder: Path) -> dict[str, Any]:
    """In double precision, where rounding stays small however it grows."""
    return train(folder, "plain", epochs=3, lr=1e-3, fabric=FabricSettings(precision="64-true"))


def single(folder: Path) -> dict[str, Any]:
    return train(folder, "single", epochs=1, lr=1e-4)


def spiking(folder: Path) -> dict[str, Any]:
    return train(folder, "spiking", "snn", epochs=1, lr=1e-4, rate_penalty=0.1)


def parts(folder: Path) -> dict[str, Any]:
    return train(folder, "parts", epochs=1, accumulate=2, lr=1e-4, clip=0.5, ema=0.9)


def low(folder: Path) -> dict[str, Any]:
    return train(folder, "low", epochs=4, lr=2e-3, fabric=FabricSettings(precision="bf16-mixed"))


def sharded(folder: Path) -> dict[str, Any]:
    return train(folder, "sharded", epochs=1, lr=1e-4, fabric=FabricSettings(strategy="fsdp"))


ALL = (plain, single, spiking, parts, low)


def classes() -> dict[str, float]:
    """A published score over frames of which each process has seen its part."""
    random, meter = torch.Generator().manual_seed(0), ClassMeter(3)
    logits = torch.randn(8, 3, 4, 4, generator=random)
    batch = {"mask": torch.randint(3, (8, 4, 4), generator=random), "labelled": torch.ones(8, dtype=torch.bool)}
    own = torch.arange(8).tensor_split(processes.world())[processes.rank()]
    meter.update(own, logits[own], {name: value[own] for name, value in batch.items()})
    return meter.compute()


def everything(folder: Path) -> dict[str, Any]:
    """One start of the processes for many trainings."""
    return {work.__name__: work(folder) for work in ALL} | {"classes": classes()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))

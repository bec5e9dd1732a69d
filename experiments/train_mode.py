"""``--mode ann`` and ``--mode snn``: train a network, evaluate it, leave a run behind."""

from __future__ import annotations

import csv
import io
import sys
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from common.files import clear_unfinished, write_whole
from convert.int8 import int8
from experiments.binding import digests
from experiments.config_file import dump, load
from experiments.continuation import first_change
from experiments.data_check import require_data
from experiments.dataset import mask_channels, split
from experiments.device import device_of, moved, placed
from experiments.errors import UserError
from experiments.evaluate import all_scores, score
from experiments.frames import first_frames
from experiments.host_memory import most_memory
from experiments.initial import initialise
from experiments.modes.convert import ConvertSettings
from experiments.modes.snn import SnnSettings
from experiments.network import for_inference
from experiments.network import network as new_network
from experiments.progress import bars
from experiments.run_folder import prepare, write_json, write_weights
from experiments.settings import RunSettings
from experiments.training import processes
from experiments.training.fabric import fabric_of
from experiments.training.loop import Trainer
from experiments.training.replay import replay
from experiments.training.stopwatch import Stopwatch
from graph.infer import window
from graph.lower import Network, where
from graph.lower.files import graph_file
from graph.passes import fold, lint

INT8_FRAMES = 32


def open_run(settings: RunSettings) -> Path:
    """The run's folder with its config in it; a continuation must have the settings that the run was started with.
    Made by the first process, and there for all."""
    folder = Path(settings.run)
    if processes.first():
        _open(settings, folder)
    processes.wait()
    return folder


def _open(settings: RunSettings, folder: Path) -> None:
    prepare(folder, resume=settings.resume, overwrite=settings.overwrite)
    clear_unfinished(folder)
    config = folder / "config.yaml"
    if settings.resume and config.exists():
        change = first_change(load(config.read_text(), str(config)), settings)
        if change is not None:
            raise UserError(
                f"--{change.key} is {change.now!r}, but run '{folder}' was started with {change.before!r}; resume with "
                "the same settings or start another --run"
            )
    write_whole(config, dump(replace(settings, resume=False, overwrite=False)))


@dataclass(frozen=True)
class Trained:
    """``memory``: megabytes that this process has held at most, until its training ended."""

    network: Network
    seconds: float
    memory: float


def train_network(settings: RunSettings, folder: Path, network: Network, fabric: Fabric, label: str) -> Trained:
    """Train a network; what comes out stands in the run's folder too."""
    if processes.first():
        write_whole(folder / "graph.json", graph_file(network))

    def validate(trained: Network) -> float:
        return score(trained, split(settings.data, "val"), workers=settings.data.workers).miou

    trainer = Trainer(settings, folder, network, split(settings.data, "train"), fabric, validate)
    told = trainer.restore() if settings.resume else ""
    if told and processes.first():
        print(told, file=sys.stderr)
    with bars(silent=not processes.first()) as progress:
        trainer.run(progress, label)
    memory = most_memory(trainer.device)
    result = trainer.result().float()  # what is saved, scored and priced is fp32, whatever it was trained in
    if processes.first():
        write_weights(folder / "model.safetensors", result.state_dict())
        write_times(folder / "times.csv", trainer.watch)
    return Trained(network=result, seconds=trainer.seconds, memory=memory)


def write_times(path: Path, watch: Stopwatch) -> None:
    """Seconds of this process's training by what was done, and their shares."""
    total = sum(watch.seconds.values()) or 1.0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["what", "seconds", "share"])
    for name, seconds in watch.seconds.items():
        writer.writerow([name, f"{seconds:.3f}", f"{seconds / total:.4f}"])
    write_whole(path, text.getvalue())


def facts(settings: RunSettings, module: Network, trained: Trained) -> dict[str, Any]:
    """The keys of ``metrics.json`` that are not scores."""
    neuron = settings.neuron if isinstance(settings, SnnSettings | ConvertSettings) else None
    inference = module.graph.pruned(["mask"])
    return {
        "mode": settings.mode,
        "model": settings.model.name,
        "spec": settings.model.spec,
        "dataset": settings.data.dataset,
        "variant": settings.data.variant,
        "split": "test",
        "seed": settings.seed,
        "parameters": sum(p.numel() for p in for_inference(module).parameters()),
        "train_seconds": round(trained.seconds, 1),
        "train_memory_mb": round(trained.memory),
        "steps": neuron.steps if neuron else 1,
        "levels": neuron.levels if neuron else 0,
        "neuron": neuron.kind if neuron else "none",
        "spike_fed_share": lint(fold(inference)[0]).spike_fed_share if neuron else 0.0,
    }


def scores(settings: RunSettings, module: Network) -> dict[str, Any]:
    """Validation chooses, test is reported; both are written so that nobody has to choose on the latter."""
    test, workers = split(settings.data, "test"), settings.data.workers
    scored = all_scores(module, test, mask_channels(settings.data), workers=workers)
    scored["miou_val"] = score(module, split(settings.data, "val"), workers=workers).miou
    return scored


def score_int8(settings: RunSettings, ann: Network) -> float:
    """Test mIoU of what int8 prices are paid for: the network in int8, its scales from training frames."""
    frames = first_frames(split(settings.data, "train"), INT8_FRAMES, window(ann.graph))
    narrow = int8(placed(deepcopy(ann), torch.device("cpu")), moved(frames, where(ann)))
    return score(narrow, split(settings.data, "test"), workers=settings.data.workers).miou


def start(settings: RunSettings, network: Network) -> Fabric:
    """All processes that the settings ask for, this one among them; from here on they go together."""
    fabric = fabric_of(settings, device_of(settings.device), network.graph)
    fabric.launch()
    return fabric


def train(settings: RunSettings) -> None:
    if settings.replay:
        print(replay(settings))
        return
    require_data(settings.data)
    network = new_network(settings, mask_channels(settings.data), settings.seed)
    lines = initialise(network, settings)
    fabric = start(settings, network)
    if processes.first():
        print(*lines, sep="\n", end="\n" if lines else "")
    folder = open_run(settings)
    trained = train_network(settings, folder, network, fabric, f"{settings.mode} {folder.name}")
    result = placed(for_inference(trained.network), where(trained.network))
    metrics = {**facts(settings, trained.network, trained), **scores(settings, result)}
    if settings.mode == "ann":
        metrics["miou_int8"] = score_int8(settings, result)
    if processes.first():
        metrics["files"] = digests(folder)
        write_json(folder / "metrics.json", metrics)
        print(f"{folder}: mIoU {metrics['miou']:.4f}, F {metrics['fscore']:.4f} on {metrics['clips']} test clips")

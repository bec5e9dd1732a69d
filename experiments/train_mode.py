"""``--mode ann`` and ``--mode snn``: train a network, evaluate it, leave a run behind."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from common.files import write_whole
from experiments.config_file import dump, load
from experiments.data_check import require_data
from experiments.dataset import mask_channels, split
from experiments.device import device_of, placed
from experiments.errors import UserError
from experiments.evaluate import all_scores, score
from experiments.initial import initialise
from experiments.modes.convert import ConvertSettings
from experiments.modes.snn import SnnSettings
from experiments.network import for_inference, network
from experiments.progress import bars
from experiments.run_folder import (
    prepare,
    write_json,
    write_weights,
)
from experiments.settings import RunSettings
from experiments.trainer import Stopped, Trainer
from graph.lower import Network
from graph.lower.files import graph_file
from graph.passes import fold, lint

# What may differ between a run and its continuation without changing its numbers.
FREE = ("resume", "overwrite", "run", "train.stop_after", "train.save_every", "train.log_every", "data.workers")


def _flat(settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in asdict(settings).items():
        inner = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        found.update(inner)
    return {k: v for k, v in found.items() if k not in FREE}


def open_run(settings: RunSettings) -> Path:
    """The run's folder with its config in it; a continuation must have the settings that the run was started with."""
    folder = Path(settings.run)
    prepare(folder, resume=settings.resume, overwrite=settings.overwrite)
    config = folder / "config.yaml"
    if settings.resume and config.exists():
        before, now = _flat(load(config.read_text(), str(config))), _flat(settings)
        changed = [k for k in now if before.get(k) != now[k]]
        if changed:
            raise UserError(
                f"--{changed[0]} is {now[changed[0]]!r}, but run '{folder}' was started with "
                f"{before.get(changed[0])!r}; resume with the same settings or start another --run"
            )
    write_whole(config, dump(replace(settings, resume=False, overwrite=False)))
    return folder


def train_network(settings: RunSettings, folder: Path, module: Network, label: str) -> float:
    """Train in place; -> seconds. A deliberate stop is reported as how to go on."""
    write_whole(folder / "graph.json", graph_file(module))
    trainer = Trainer(settings, folder, module, split(settings.data, "train"))
    if settings.resume:
        trainer.restore()
    with bars() as progress:
        trainer.run(progress, label)
    write_weights(folder / "model.safetensors", module.state_dict())
    return trainer.seconds


def facts(settings: RunSettings, module: Network, seconds: float) -> dict[str, Any]:
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
        "train_seconds": round(seconds, 1),
        "steps": neuron.steps if neuron else 1,
        "levels": neuron.levels if neuron else 0,
        "neuron": neuron.kind if neuron else "none",
        "spike_fed_share": lint(fold(inference)[0]).spike_fed_share if neuron else 0.0,
    }


def scores(settings: RunSettings, module: Network) -> dict[str, Any]:
    """Validation chooses, test is reported; both are written so that nobody has to choose on the latter."""
    module = placed(module, device_of(settings.device))
    test = split(settings.data, "test")
    found = all_scores(module, test, mask_channels(settings.data))
    found["miou_val"] = score(module, split(settings.data, "val")).miou
    return found


def train(settings: RunSettings) -> None:
    require_data(settings.data)
    module = network(settings, mask_channels(settings.data), settings.seed)
    for line in initialise(module, settings):
        print(line)
    folder = open_run(settings)
    try:
        seconds = train_network(settings, folder, module, f"{settings.mode} {folder.name}")
    except Stopped:
        print(f"stopped as asked; continue with --run {folder} --resume")
        return
    metrics = {**facts(settings, module, seconds), **scores(settings, for_inference(module))}
    write_json(folder / "metrics.json", metrics)
    print(f"{folder}: mIoU {metrics['miou']:.4f}, F {metrics['fscore']:.4f} on {metrics['clips']} test clips")

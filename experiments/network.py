"""Settings -> graph -> module; and a run's folder -> the module it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ann import ANN
from avs import prepare
from convert.fold import fold_network
from convert.levels import with_levels
from experiments.binding import check_bound
from experiments.config_file import load
from experiments.dataset import on_grid
from experiments.errors import UserError
from experiments.model import model_spec
from experiments.run_folder import read_weights
from experiments.settings import NeuronSettings, RunSettings, SpikeSettings, SpikingSettings
from graph.dialect import Dialect
from graph.graph import Graph
from graph.lower import Network, lower
from graph.lower.files import GRAPH, WEIGHTS
from graph.lower.fill import fill
from graph.models import build
from graph.passes import SpikeSpec, fold, released, spikify
from graph.serial import loads, same
from graph.task import PREPARATIONS, STREAMS, Task
from layers.neurons import Refused
from snn import snn

DEPLOYED = "deployed"
PREPARATIONS.update(prepare.PREPARATIONS)  # what a saved network names, now that both rooms are there


def _over_film(*arguments: Any, **options: Any) -> Iterator[Tensor]:
    from experiments.prediction.film import over  # only who streams waits for it

    return over(*arguments, **options)


STREAMS["film"] = _over_film


def spikified(graph: Graph, neuron: NeuronSettings, spikes: SpikeSettings) -> Graph:
    spec = SpikeSpec(
        neuron=neuron.neuron,
        neurons=tuple((name, replace(neuron.neuron, levels=d)) for name, d in spikes.levels_by_prefix.items()),
        steps=neuron.steps,
        norm=spikes.norm,
        residual=spikes.residual,
        score=spikes.score,
        signed=spikes.signed,
    )
    return spikify(graph, spec)


FORMS: dict[str, Callable[[Graph, NeuronSettings, SpikeSettings], Graph]] = {
    "spikify": spikified,
    "released": lambda graph, neuron, spikes: released(graph),
}


def dialect(settings: RunSettings) -> Dialect:
    return snn(settings.neuron.backend) if isinstance(settings, SpikingSettings) else ANN


def task_of(settings: RunSettings) -> Task:
    return Task(preparation="grid" if on_grid(settings.data) else "imagenet")


def network(settings: RunSettings, classes: int, seed: int) -> Network:
    """A freshly initialised network in the dialect of the settings' mode."""
    torch.manual_seed(seed)
    graph = build(settings.model.name, model_spec(settings.model, classes, settings.data.image, on_grid(settings.data)))
    if isinstance(settings, SpikingSettings):
        graph = FORMS[settings.spikes.form](graph, settings.neuron, settings.spikes)
    return lowered(graph, settings)


def lowered(graph: Graph, settings: RunSettings) -> Network:
    """A backend that cannot compute these neurons is the user's to change."""
    try:
        return lower(graph, dialect(settings), task=task_of(settings))  # type: ignore[no-any-return]
    except Refused as error:
        raise UserError(f"neuron.backend is '{settings.neuron.backend}': {error}") from error  # type: ignore[attr-defined]


def load_shared(module: Network, state: dict[str, Tensor], source: str) -> None:
    """Weights of the same graph in another dialect: only ``sites.*`` may be missing, nothing may be left over."""
    report = module.load_state_dict(state, strict=False)
    missing = [k for k in report.missing_keys if not k.startswith("sites.")]
    unexpected = [k for k in report.unexpected_keys if not k.startswith("sites.")]
    if missing or unexpected:
        raise UserError(
            f"weights of '{source}' do not fit the model: {len(missing)} keys are missing (first {missing[:1]}) and "
            f"{len(unexpected)} are unknown (first {unexpected[:1]}); expected a run of the same model and spec"
        )


@dataclass(frozen=True)
class Run:
    """A finished run. ``module``: as trained. ``deployed``: as it is executed and priced: folded, and snapped where the
    run says so."""

    name: str
    folder: Path
    settings: RunSettings
    module: Network
    deployed: Network


def run_folder(name: str) -> Path:
    folder = Path(name)
    if not (folder / "config.yaml").exists():
        raise UserError(f"'{name}' is not a run: expected a folder with config.yaml in it")
    return folder


def load_started(module: Network, name: str) -> None:
    """Fill a network from another run, finished or not; where that counts to more levels, its steps become coarser."""
    folder = run_folder(name)
    graph = _graph(folder / GRAPH, load((folder / "config.yaml").read_text()))
    try:
        state = with_levels(read_weights(folder / WEIGHTS), graph, module.graph)
    except ValueError as error:
        raise UserError(f"--init '{name}': {error}") from error
    load_shared(module, state, name)


def settings_of(name: str) -> RunSettings:
    """Of a run whose files are those that it scored."""
    folder = run_folder(name)
    check_bound(folder)
    return load((folder / "config.yaml").read_text())


def load_run(name: str) -> Run:
    folder, settings = run_folder(name), settings_of(name)
    module = _restored(folder, settings)
    if (folder / DEPLOYED).is_dir():
        deployed = _restored(folder / DEPLOYED, settings)
        _check_folded(deployed.graph, module.graph, folder)
    else:
        deployed = fold_network(for_inference(module))
    return Run(name, folder, settings, module.eval(), deployed.eval())


def _graph(path: Path, settings: RunSettings) -> Graph:
    """A file of the first format has its neurons in the run's config."""
    neuron = settings.neuron.neuron if isinstance(settings, SpikingSettings) else None
    try:
        return loads(path.read_text(), neuron)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is damaged ({error}), expected a graph as a run saves it; copy the run again"
        ) from error


def _restored(folder: Path, settings: RunSettings) -> Network:
    """Rebuilt from ``graph.json`` and safetensors, every number of which must fit."""
    path, weights = folder / GRAPH, folder / WEIGHTS
    if not path.exists():
        raise UserError(f"{path} is missing; expected the graph of a finished run")
    module = lowered(_graph(path, settings), settings)
    state = read_weights(weights)
    try:
        return fill(module, state, weights)
    except ValueError as error:
        raise UserError(str(error)) from error


def _check_folded(deployed: Graph, trained: Graph, folder: Path) -> None:
    """What is deployed has the structure of what was trained, folded: no op of it may be another."""
    expected, _ = fold(trained.pruned(["mask"]))
    where = f"{folder / DEPLOYED / GRAPH} is not {folder / GRAPH} folded"
    for name, node in expected.nodes.items():
        if name not in deployed:
            raise UserError(f"{where}: it lacks the node '{name}'; copy the run again")
        if deployed[name] != node:
            raise UserError(f"{where}: node '{name}' is {deployed[name].op}, expected {node.op}; copy the run again")
    if not same(expected, deployed):
        more = [name for name in deployed.nodes if name not in expected]
        what = f"it has the node '{more[0]}' more" if more else "its nodes are in another order, or its outputs others"
        raise UserError(f"{where}: {what}; copy the run again")


def for_inference(module: Network) -> Network:
    """A copy of the part that makes the mask; training outputs leave no trace."""
    twin: Network = lower(module.graph, module.dialect, outputs=["mask"], task=module.task)
    state = module.state_dict()
    twin.load_state_dict({k: state[k] for k in twin.state_dict()})
    return twin.eval()

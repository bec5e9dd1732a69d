"""Settings of a network that cannot be: it cannot be built, does not suit the data, lacks what a loss reads, or could
not take the weights that it is to start from. Whether files are there is looked at elsewhere."""

from __future__ import annotations

from operator import attrgetter

from ann.known_weights import AUDIO_NAMES, IMAGE_NAMES
from avs import information
from avs.losses import spec as losses
from experiments.datasets import DATASETS
from experiments.errors import UserError, nearest, unknown
from experiments.model import model_spec
from experiments.modes import MODES
from experiments.official import key_map
from experiments.settings import RunSettings, SpikingSettings
from graph.graph import Graph
from graph.infer import window
from graph.models import FAMILIES, build
from graph.ops import Input
from graph.spec import BaseSpec

GIVEN = ("image", "logmel")
# The one network and neuron that "released" is: MI-AVS's, as published.
RELEASED: dict[str, str | int] = {
    "model.name": "miavs",
    "model.spec": "released",
    "neuron.kind": "ilif",
    "neuron.levels": 4,
    "neuron.steps": 1,
}


def network(settings: RunSettings) -> None:
    data = settings.data
    spec = model_spec(settings.model, DATASETS[data.dataset].channels(data), data.image)
    graph = _built(settings, spec)
    _inputs(settings, graph)
    _clips(settings, graph)
    _outputs(settings, graph)
    _form(settings)
    _levels(settings, graph)
    _starts(settings, spec)


def _built(settings: RunSettings, spec: BaseSpec) -> Graph:
    model = settings.model
    try:
        return build(model.name, spec)
    except ValueError as error:
        named = {"backbone": model.backbone, "audio": model.audio}
        key = " and ".join(f"model.{k} is '{v}'" for k, v in named.items() if v)
        key = key or f"data.image is {settings.data.image}"
        raise UserError(
            f"{key}, which does not fit model.spec '{model.spec}' of {model.name} ({error}), expected another, or none"
        ) from error


def _inputs(settings: RunSettings, graph: Graph) -> None:
    """No dataset here gives more than pictures and sounds."""
    wanted = [node.name for node in graph.nodes.values() if isinstance(node.op, Input) and node.name not in GIVEN]
    if wanted:
        others = [name for name in FAMILIES[settings.model.name].specs if "maskiges" not in name]
        raise UserError(
            f"model.spec is '{settings.model.spec}', which also reads '{wanted[0]}', but {settings.data.dataset} gives "
            f"{' and '.join(GIVEN)} alone, expected one of {', '.join(others)}"
        )


def _clips(settings: RunSettings, graph: Graph) -> None:
    """A network that looks at neighbours reads whole windows of a clip."""
    frames, together = DATASETS[settings.data.dataset].frames(settings.data), window(graph)
    if frames % together:
        raise UserError(
            f"model.name is '{settings.model.name}', which looks at {together} frames at once, but a clip of "
            f"{settings.data.dataset} has {frames}, expected a multiple of {together}"
        )


def _outputs(settings: RunSettings, graph: Graph) -> None:
    """Losses that read outputs which not every family publishes."""
    term = settings.information
    shapes = {name: graph[value].shape for name, value in graph.outputs.items()}
    try:
        losses.check(settings.loss, shapes)
        if term.weight:
            information.check(term.estimator, term.level, shapes, term.permuted)
    except ValueError as error:
        raise UserError(f"{error} (model.name is '{settings.model.name}')") from error
    for part in losses.NAMED:
        weight = getattr(settings.loss, part)
        if weight and not DATASETS[settings.data.dataset].named(settings.data):
            known = [name for name, dataset in DATASETS.items() if dataset.named(dataset.settings())]
            raise UserError(
                f"loss.{part} is {weight}, but {settings.data.dataset} does not name what is seen and what sounds, "
                f"expected 0, or one of {', '.join(known)}"
            )


def _levels(settings: RunSettings, graph: Graph) -> None:
    """A prefix that no value has would change nothing, and say nothing."""
    if not isinstance(settings, SpikingSettings):
        return
    for prefix in settings.spikes.levels_by_prefix:
        if not any(f"{name}.".startswith(f"{prefix}.") for name in graph.nodes):
            starts = {".".join(name.split(".")[: prefix.count(".") + 1]) for name in graph.nodes}
            raise unknown("spikes.levels", prefix, sorted(starts))
    if settings.spikes.levels and settings.neuron.kind != "ilif":
        raise UserError(f"spikes.levels is given and neuron.kind is '{settings.neuron.kind}', binary, expected ilif")


def _form(settings: RunSettings) -> None:
    if not isinstance(settings, SpikingSettings) or settings.spikes.form != "released":
        return
    for key, wanted in RELEASED.items():
        value = attrgetter(key)(settings)
        if value != wanted:
            shown = ", ".join(f"{k} {v}" for k, v in RELEASED.items())
            raise UserError(f"spikes.form is 'released' and {key} is '{value}', expected MI-AVS as published: {shown}")


def _starts(settings: RunSettings, spec: BaseSpec) -> None:
    if settings.weights:
        mode = MODES[settings.mode]
        if mode.needs_run:
            start = f"--mode {mode.name} starts from {mode.shown(mode.reads)}"
            raise UserError(f"weights is '{settings.weights}', expected none: {start}")
        key_map(settings)
    model = settings.model
    parts = {
        "model.backbone_weights": (model.backbone_weights, spec.backbone, IMAGE_NAMES),
        "model.audio_weights": (model.audio_weights, spec.audio, AUDIO_NAMES),
    }
    for key, (named, part, known) in parts.items():
        if named and part not in known:
            near = nearest(part, known)
            raise UserError(
                f"{key} is '{named}', but for '{part}' no names of weights are known, expected one of "
                f"{', '.join(known)}; nearest: '{near}'"
            )

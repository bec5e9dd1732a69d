"""What a network starts from: an earlier run, an official checkpoint, or pretrained image and audio networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import fx

from ann.checkpoints import OFFICIAL
from ann.checkpoints.keymap import KeyMap, Translated, translate
from ann.pretrained import load_audio, load_image
from ann.weight_files import read
from experiments.errors import UserError
from experiments.network import load_shared, model_spec
from experiments.run_folder import read_weights
from experiments.settings import ModelSettings, RunSettings


def key_map(model: ModelSettings) -> KeyMap:
    """The map of official names for the family and its backbone."""
    known = OFFICIAL.get(model.name, {})
    backbone = model_spec(model).backbone
    found = next((keys for start, keys in known.items() if backbone.startswith(start)), None)
    if found is None:
        where = ", ".join(f"{f} on {b}..." for f, maps in OFFICIAL.items() for b in maps)
        raise UserError(f"--weights: no official names are known for '{model.name}' on '{backbone}', expected {where}")
    return found


def _official(module: fx.GraphModule, settings: RunSettings) -> str:
    found: Translated = translate(read(Path(settings.weights)), key_map(settings.model), module.state_dict())
    module.load_state_dict(found.state, strict=False)
    return f"{settings.weights}: {found.summary}"


def _run(module: fx.GraphModule, settings: RunSettings) -> str:
    load_shared(module, read_weights(Path(settings.init) / "model.safetensors"), settings.init)
    return ""


def _image(module: fx.GraphModule, settings: RunSettings) -> str:
    return str(load_image(module, model_spec(settings.model).backbone, settings.model.backbone_weights))


def _audio(module: fx.GraphModule, settings: RunSettings) -> str:
    return str(load_audio(module, model_spec(settings.model).audio, settings.model.audio_weights))


Loader = Callable[[fx.GraphModule, RunSettings], str]
# Parts first, wholes after: what is named last wins.
SOURCES: dict[str, tuple[Callable[[RunSettings], str], Loader]] = {
    "model.backbone_weights": (lambda s: s.model.backbone_weights, _image),
    "model.audio_weights": (lambda s: s.model.audio_weights, _audio),
    "weights": (lambda s: s.weights, _official),
    "init": (lambda s: s.init, _run),
}


def initialise(module: fx.GraphModule, settings: RunSettings) -> list[str]:
    """Fill in place whatever the settings name; -> a line on each file."""
    told = []
    for key, (named, load) in SOURCES.items():
        if named(settings):
            try:
                told.append(load(module, settings))
            except ValueError as error:
                raise UserError(f"{key} is '{named(settings)}': {error}") from error
    return [line for line in told if line]

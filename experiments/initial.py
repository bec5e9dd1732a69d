"""What a network starts from: an earlier run, an official checkpoint, or pretrained image and audio networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ann.checkpoints.keymap import translate
from ann.pretrained import load_audio, load_image
from ann.weight_files import read
from experiments.errors import UserError
from experiments.model import model_spec
from experiments.network import load_started
from experiments.official import key_map, owners
from experiments.settings import RunSettings
from graph.lower import Network


def _official(module: Network, settings: RunSettings) -> str:
    keys, state = key_map(settings), read(Path(settings.weights))
    try:
        found = translate(state, keys, module.state_dict())
    except ValueError as error:
        whose = "" if all(map(keys.knows, state)) else " or ".join(owners(state))
        if whose:
            raise ValueError(f"it is a checkpoint of {whose}, expected one of {_described(settings)}") from error
        raise
    module.load_state_dict(found.state, strict=False)
    return f"{settings.weights}: {found.summary}"


def _described(settings: RunSettings) -> str:
    return f"{settings.model.name} on {model_spec(settings.model).backbone}"


def _run(module: Network, settings: RunSettings) -> str:
    load_started(module, settings.init)
    return ""


def _image(module: Network, settings: RunSettings) -> str:
    return str(load_image(module, model_spec(settings.model).backbone, settings.model.backbone_weights))


def _audio(module: Network, settings: RunSettings) -> str:
    return str(load_audio(module, model_spec(settings.model).audio, settings.model.audio_weights))


Loader = Callable[[Network, RunSettings], str]
PARTS: dict[str, tuple[Callable[[RunSettings], str], Loader]] = {
    "model.backbone_weights": (lambda s: s.model.backbone_weights, _image),
    "model.audio_weights": (lambda s: s.model.audio_weights, _audio),
}
WHOLES: dict[str, tuple[Callable[[RunSettings], str], Loader]] = {
    "weights": (lambda s: s.weights, _official),
    "init": (lambda s: s.init, _run),
}


def initialise(module: Network, settings: RunSettings) -> list[str]:
    """Fill in place whatever the settings name; -> a line on each file. Where a whole is named, parts are not read."""
    told = []
    whole = any(named(settings) for named, _ in WHOLES.values())
    for key, (named, load) in (WHOLES if whole else PARTS).items():
        if named(settings):
            try:
                told.append(load(module, settings))
            except ValueError as error:
                raise UserError(f"{key} is '{named(settings)}': {error}") from error
    return [line for line in told if line]

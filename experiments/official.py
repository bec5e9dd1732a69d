"""An official checkpoint: whose it is, and the map of its names for the network that the settings describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ann.checkpoints import OFFICIAL, RELEASED, KeyMap
from experiments.errors import UserError
from experiments.model import model_spec
from experiments.settings import RunSettings, SpikingSettings

Maps = Mapping[str, Mapping[str, KeyMap]]
NEURONS = (r"sites\..*", "neurons, which a real-valued checkpoint does not have")


def _maps(settings: RunSettings) -> Maps:
    return RELEASED if isinstance(settings, SpikingSettings) and settings.spikes.form == "released" else OFFICIAL


def key_map(settings: RunSettings) -> KeyMap:
    """The map of official names for the family, its backbone and its form; real weights leave neurons as they are."""
    maps, backbone = _maps(settings), model_spec(settings.model).backbone
    known = maps.get(settings.model.name, {})
    keys = next((keys for start, keys in known.items() if backbone.startswith(start)), None)
    if keys is None:
        where = ", ".join(f"{family} on {start}..." for family, starts in maps.items() for start in starts)
        what = f"{settings.model.name} on {backbone}"
        raise UserError(
            f"weights is '{settings.weights}', but no official names are known for {what}, expected {where}"
        )
    spiking = isinstance(settings, SpikingSettings) and maps is OFFICIAL
    return replace(keys, own=(*keys.own, NEURONS)) if spiking else keys


def owners(keys: Iterable[str]) -> list[str]:
    """The families, forms and backbones to whose official names all of these keys belong."""
    names = list(keys)
    return [
        f"{form}{family} on {start}..."
        for form, maps in (("", OFFICIAL), ("spiking ", RELEASED))
        for family, starts in maps.items()
        for start, known in starts.items()
        if all(map(known.knows, names))
    ]

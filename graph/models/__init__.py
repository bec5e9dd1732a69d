"""Families by name: plain functions from a ``Spec`` to a ``Graph``."""

from collections.abc import Callable
from difflib import get_close_matches

from graph.graph import Graph
from graph.models.avsegformer import avsegformer
from graph.models.miavs import miavs
from graph.spec import SPECS, Spec

MODELS: dict[str, Callable[[Spec], Graph]] = {"avsegformer": avsegformer, "miavs": miavs}


def nearest(found: str, choices: object) -> str:
    return get_close_matches(found, list(choices), n=1, cutoff=0.0)[0]  # type: ignore[call-overload]


def build(name: str, spec: Spec | str = "tiny") -> Graph:
    """The graph of a registered family; a spec may be given by name."""
    if name not in MODELS:
        raise ValueError(
            f"model.name is '{name}', expected one of {', '.join(MODELS)}; nearest: '{nearest(name, MODELS)}'"
        )
    if isinstance(spec, str):
        if spec not in SPECS:
            raise ValueError(
                f"model.spec is '{spec}', expected one of {', '.join(SPECS)}; nearest: '{nearest(spec, SPECS)}'"
            )
        spec = SPECS[spec]
    return MODELS[name](spec)


__all__ = ["MODELS", "SPECS", "Spec", "build", "nearest"]

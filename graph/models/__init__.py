"""Families by name: a plain function from a spec to a ``Graph``, and its named specs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from graph.graph import Graph
from graph.models.av2ts import AV2TS_SPECS, av2ts
from graph.models.avsegformer import avsegformer
from graph.models.etavs import etavs
from graph.models.etavs.spec import ETAVS_SPECS
from graph.models.miavs import miavs
from graph.models.qsd import qsd
from graph.models.qsd.spec import QSD_SPECS
from graph.spec import SPECS, BaseSpec, Spec


@dataclass(frozen=True)
class Family:
    """``build`` takes a spec of the type of ``specs``; "full" and "tiny" are always among them."""

    build: Callable[[Any], Graph]
    specs: Mapping[str, BaseSpec]


FAMILIES: dict[str, Family] = {
    "avsegformer": Family(avsegformer, SPECS),
    "miavs": Family(miavs, SPECS),
    "etavs": Family(etavs, ETAVS_SPECS),
    "av2ts": Family(av2ts, AV2TS_SPECS),
    "qsd": Family(qsd, QSD_SPECS),
}
MODELS = tuple(FAMILIES)


def nearest(found: str, choices: object) -> str:
    return get_close_matches(found, list(choices), n=1, cutoff=0.0)[0]  # type: ignore[call-overload]


def _chosen(key: str, found: str, choices: Mapping[str, Any]) -> Any:
    if found not in choices:
        raise ValueError(
            f"{key} is '{found}', expected one of {', '.join(choices)}; nearest: '{nearest(found, choices)}'"
        )
    return choices[found]


def spec_of(name: str, spec: str = "tiny", **changes: Any) -> Any:
    """A family's named spec, with some fields replaced."""
    return replace(_chosen("model.spec", spec, _chosen("model.name", name, FAMILIES).specs), **changes)


def build(name: str, spec: BaseSpec | str = "tiny") -> Graph:
    """The graph of a registered family; a spec may be given by name."""
    family: Family = _chosen("model.name", name, FAMILIES)
    return family.build(spec_of(name, spec) if isinstance(spec, str) else spec)


__all__ = ["FAMILIES", "MODELS", "SPECS", "BaseSpec", "Family", "Spec", "build", "nearest", "spec_of"]

"""Families by name. A family is a function from a spec to a ``Graph``, and its named specs.

A new one is a folder (or a file) beside this file and one line in ``FAMILIES``; no other place of ``graph`` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.words import not_among
from graph.graph import Graph
from graph.models.av2ts import AV2TS_SPECS, av2ts
from graph.models.avsegformer import avsegformer
from graph.models.etavs import ETAVS_SPECS, etavs
from graph.models.mask_transformer import SPECS, Spec
from graph.models.miavs import miavs
from graph.models.qsd import QSD_SPECS, qsd
from graph.spec import BaseSpec


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


def family_of(name: str) -> Family:
    if name not in FAMILIES:
        raise ValueError(not_among("model.name", name, FAMILIES))
    return FAMILIES[name]


def spec_of(name: str, spec: str = "tiny", **changes: Any) -> Any:
    """A family's named spec, with some fields replaced."""
    specs = family_of(name).specs
    if spec not in specs:
        raise ValueError(not_among("model.spec", spec, specs))
    return replace(specs[spec], **changes)


def build(name: str, spec: BaseSpec | str = "tiny") -> Graph:
    """The graph of a registered family; a spec may be given by name."""
    return family_of(name).build(spec_of(name, spec) if isinstance(spec, str) else spec)


__all__ = ["FAMILIES", "MODELS", "SPECS", "BaseSpec", "Family", "Spec", "build", "family_of", "spec_of"]

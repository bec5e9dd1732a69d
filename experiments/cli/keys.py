"""The keys of a mode: every setting by its dotted name, with its type, its default, its limits, and the words that it
may hold. A ``Literal`` says its words itself; those of a name come from the registry of what is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_type_hints

from avs import information
from common.choices import choices
from experiments.datasets import DATASETS
from experiments.limits import limits
from experiments.modes import Mode
from experiments.settings import DataSettings, InformationSettings, ModelSettings
from graph.backbones import BACKBONES
from graph.models import FAMILIES

EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text (in YAML, quote a number)",
    tuple[int, ...]: "a list of whole numbers",
    tuple[str, ...]: "a list of names",
}
REGISTERED: dict[type, dict[str, Callable[[], Iterable[str]]]] = {
    ModelSettings: {"name": lambda: FAMILIES, "backbone": lambda: BACKBONES},
    DataSettings: {
        "dataset": lambda: DATASETS,
        "variant": lambda: dict.fromkeys(word for dataset in DATASETS.values() for word in dataset.variants),
    },
    InformationSettings: {"estimator": lambda: information.NAMES},
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """``kind``: what a parser reads, for a ``Literal`` the type of its words. ``words``: none if anything may stand."""

    key: str
    kind: Any
    default: Any
    words: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.words)}" if self.words else EXPECTED[self.kind]


def leaves(cls: type, prefix: str = "") -> Iterator[Setting]:
    """Every setting of a dataclass and those inside it; the groups' own names are not among them."""
    hints, default, literals = get_type_hints(cls), cls(), choices(cls)
    registered = {name: tuple(words()) for name, words in REGISTERED.get(cls, {}).items()}
    for field in fields(cls):
        key, kind = prefix + field.name, hints[field.name]
        if is_dataclass(kind):
            yield from leaves(kind, f"{key}.")  # type: ignore[arg-type]
            continue
        if field.name in literals:
            kind = type(literals[field.name][0])
        yield Setting(
            key=key,
            kind=kind,
            default=getattr(default, field.name),
            words=(literals | registered).get(field.name, ()),
            limits=limits(field),
        )


def groups(cls: type) -> dict[str, type]:
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls) if is_dataclass(hints[f.name])}


def settings_of(mode: Mode) -> dict[str, Setting]:
    """By key. A mode says the words of its own keys itself."""
    return {
        s.key: replace(s, words=tuple(mode.choices[s.key]())) if s.key in mode.choices else s
        for s in leaves(mode.settings)
    }

"""The keys of a mode: every setting by its dotted name, with its type, its default, its limits, and the words that it
may hold. A ``Literal`` says its words itself; those of a name come from the registry of what is named.

Which keys ``data`` has is the dataset's to say, so its name is read before all else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any, get_type_hints

from avs import information
from common.choices import choices
from experiments.datasets import DATASETS, DataSettings
from experiments.errors import unknown
from experiments.limits import limits
from experiments.modes import Mode
from experiments.settings import InformationSettings, ModelSettings
from graph.backbones import AUDIO, BACKBONES
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
    ModelSettings: {"name": lambda: FAMILIES, "backbone": lambda: BACKBONES, "audio": lambda: AUDIO},
    DataSettings: {"dataset": lambda: DATASETS},
    InformationSettings: {"estimator": lambda: information.NAMES},
}

DATA = "data"  # the group whose keys depend on the dataset


@dataclass(frozen=True, kw_only=True)
class Setting:
    """``kind``: what a parser reads, for a ``Literal`` the type of its words. ``words``: none if anything may stand;
    ``of``: whose words they are, where it depends."""

    key: str
    kind: Any
    default: Any
    words: tuple[str, ...] = ()
    of: str = ""
    limits: tuple[float, float] | None = None

    @property
    def shown(self) -> str:
        return f"{self.key} of {self.of}" if self.of else self.key

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.words)}" if self.words else EXPECTED[self.kind]


def _hints(cls: type, chosen: Mapping[str, type]) -> dict[str, Any]:
    """Field -> its type; ``chosen``: groups that have a class of their own here."""
    return {**get_type_hints(cls), **{name: kind for name, kind in chosen.items() if name in get_type_hints(cls)}}


def leaves(cls: type, prefix: str = "", chosen: Mapping[str, type] = MappingProxyType({})) -> Iterator[Setting]:
    """Every setting of a dataclass and those inside it; the groups' own names are not among them."""
    hints, default, literals = _hints(cls, chosen), cls(), choices(cls)
    tables = [REGISTERED.get(base, {}) for base in reversed(cls.__mro__)]
    registered = {name: tuple(words()) for table in tables for name, words in table.items()}
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


def groups(cls: type, chosen: Mapping[str, type] = MappingProxyType({})) -> dict[str, type]:
    hints = _hints(cls, chosen)
    return {f.name: hints[f.name] for f in fields(cls) if is_dataclass(hints[f.name])}


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What may be said of a mode with a dataset. ``groups``: name -> its dataclass; ``settings``: by key."""

    mode: Mode
    dataset: str
    groups: Mapping[str, type]
    settings: Mapping[str, Setting]

    def elsewhere(self, key: str) -> str:
        """Of a key that the dataset lacks: which others have it, as a sentence goes on; empty where none has."""
        if not self.dataset or key in self.settings:
            return ""
        owners = [d.name for d in DATASETS.values() if key in {s.key for s in leaves(d.settings, f"{DATA}.")}]
        verb = "has" if len(owners) == 1 else "have"
        return f"is no key of dataset {self.dataset}; {' and '.join(owners)} {verb} it" if owners else ""


def dataset_of(mode: Mode, stated: Sequence[Any]) -> str:
    """The name that stands last, else the mode's own; none where a mode reads no data. What is no name at all is left
    to who checks the types of values."""
    data = getattr(mode.settings(), DATA, None)
    if not isinstance(data, DataSettings):
        return ""
    name = [data.dataset, *(word for word in stated if isinstance(word, str))][-1]
    if name not in DATASETS:
        raise unknown(f"{DATA}.dataset", name, DATASETS)
    return name


def keys_of(mode: Mode, dataset: str) -> Keys:
    """``dataset``: by name, or "" where the mode reads none. A mode says the words of its own keys itself."""
    chosen = {DATA: DATASETS[dataset].settings} if dataset else {}
    words: dict[str, dict[str, Any]] = {key: {"words": tuple(named())} for key, named in mode.choices.items()}
    if dataset:
        words[f"{DATA}.variant"] = {"words": DATASETS[dataset].variants, "of": dataset}
    settings = {s.key: replace(s, **words.get(s.key, {})) for s in leaves(mode.settings, chosen=chosen)}
    return Keys(mode=mode, dataset=dataset, groups=groups(mode.settings, chosen), settings=settings)

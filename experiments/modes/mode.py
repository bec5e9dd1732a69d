"""``Mode``: everything that the command line must know of one of its modes, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any


def _fine(settings: Any) -> None:
    """Nothing more to check."""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """``summary``: its line of --help. ``settings``: a frozen dataclass whose every field has a default, that of
    ``mode`` the name; one that derives from ``RunSettings`` writes a run. ``run`` does the work, and imports what is
    slow to import only then.

    ``reads``: the key that names runs to read; ``needs_run``: it cannot do without. ``aliases``: other names of keys on
    the command line. ``choices``: key -> the words that it may hold, where they are no ``Literal``. ``check`` refuses
    settings (``experiments.errors.UserError``) before anything is written.
    """

    name: str
    summary: str
    settings: type
    run: Callable[[Any], None]
    reads: str = ""
    needs_run: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Callable[[], Iterable[str]]] = field(default_factory=dict)
    check: Callable[[Any], None] = _fine

    def __post_init__(self) -> None:
        default = getattr(self.settings, "mode", None)
        if not is_dataclass(self.settings) or default != self.name:
            raise ValueError(
                f"mode '{self.name}': the field mode of {self.settings.__name__} is {default!r}, expected a dataclass "
                f"with '{self.name}' there"
            )

    def shown(self, key: str) -> str:
        """A key as the command line calls it."""
        return "--" + next((short for short, known in self.aliases.items() if known == key), key)

"""Choices are types: a dataclass field that is a ``Literal`` holds one of its words, checked when it is made.

>>> @dataclass(frozen=True)
... class Pool:
...     fn: Literal["max", "avg"] = "max"
...     def __post_init__(self) -> None:
...         check_choices(self)
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from common.words import not_among


@cache
def choices(cls: type) -> dict[str, tuple[Any, ...]]:
    """Field -> the words that it may hold, of every field that is a ``Literal``."""
    hints = get_type_hints(cls)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def check_choices(owner: object, key: str = "") -> None:
    """Raises ``ValueError`` with the nearest word. ``key``: what a user calls the owner, if not by its class."""
    for name, words in choices(type(owner)).items():  # type: ignore[arg-type]
        value = getattr(owner, name)
        if value not in words:
            raise ValueError(not_among(f"{key or type(owner).__name__}.{name}", value, words))

"""What a user got wrong, in one sentence: the key, what was found, what was expected, the nearest valid choice."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher


class UserError(ValueError):
    """Shown as its message alone, with exit code 2. Anything else that escapes is a bug and keeps its traceback."""


def nearest(found: str, choices: Iterable[str]) -> str:
    """Swapped letters first (``modle`` is ``model``, not ``mode``), then the same last part (``epochs`` is
    ``train.epochs``), then the likeness of the spelling."""

    def likeness(choice: str) -> tuple[bool, bool, float]:
        anagram = sorted(choice) == sorted(found)
        return anagram, choice.split(".")[-1] == found.split(".")[-1], SequenceMatcher(None, found, choice).ratio()

    return max(choices, key=likeness)


def unknown(key: str, found: object, choices: Iterable[str]) -> UserError:
    allowed = list(choices)
    near = nearest(str(found), allowed)
    return UserError(f"{key} is '{found}', expected one of {', '.join(allowed)}; nearest: '{near}'")

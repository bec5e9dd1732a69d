"""What a user got wrong, in one sentence: the key, what was found, what was expected, the nearest valid choice."""

from __future__ import annotations

from collections.abc import Iterable

from common.words import nearest, not_among


class UserError(ValueError):
    """Shown as its message alone, with exit code 2. Anything else that escapes is a bug and keeps its traceback."""


def unknown(key: str, word: object, words: Iterable[object]) -> UserError:
    return UserError(not_among(key, word, words))


__all__ = ["UserError", "nearest", "unknown"]

"""The nearest of some names to one that is not among them, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher


def nearest(word: object, names: Iterable[object]) -> str:
    """Swapped letters first (``modle`` is ``model``, not ``mode``), then the same last part (``epochs`` is
    ``train.epochs``), then what was cut short (``train.ep`` is ``train.epochs``), then the likeness of the spelling.
    Empty where there are no names."""
    text = str(word)

    def likeness(name: str) -> tuple[bool, bool, bool, float]:
        anagram = sorted(name) == sorted(text)
        cut = bool(text) and name.startswith(text)
        return anagram, name.split(".")[-1] == text.split(".")[-1], cut, SequenceMatcher(None, text, name).ratio()

    return max((str(n) for n in names), key=likeness, default="")


def not_among(key: str, word: object, names: Iterable[object]) -> str:
    """``key is 'word', expected one of a, b; nearest: 'a'``."""
    known = [str(n) for n in names]
    return f"{key} is '{word}', expected one of {', '.join(known)}; nearest: '{nearest(word, known)}'"

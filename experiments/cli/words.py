"""Words of the command line -> options by name -> one text each, as the parser of the mode reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import get_args, get_origin

from experiments.cli.keys import Keys
from experiments.errors import UserError, nearest
from experiments.modes import MODES

GENERAL = ("mode", "config", "debug", "help")


def split(words: Sequence[str]) -> dict[str, list[str]]:
    """``--a x y --b=z --c`` -> {a: [x, y], b: [z], c: []}; the last of several wins."""
    options: dict[str, list[str]] = {}
    values: list[str] | None = None
    for word in words:
        if re.match(r"--?[A-Za-z]", word):
            key, equals, value = word.partition("=")
            if not key.startswith("--"):
                raise UserError(f"found '{key}', expected two dashes; nearest: '-{key}'")
            values = options[key[2:]] = [value] if equals else []
        elif values is None:
            hint = f"--mode {word}" if word in MODES else f"--config {word}"
            raise UserError(f"found the word '{word}' first, expected an option; nearest: '{hint}'")
        else:
            values.append(word)
    return options


def single(key: str, values: list[str], expected: str) -> str:
    if len(values) != 1:
        what = f"{len(values)} values ({' '.join(values)})" if values else "no value"
        raise UserError(f"--{key} has {what}, expected one: {expected}")
    return values[0]


def options(given: dict[str, list[str]], keys: Keys) -> dict[str, str]:
    """Each option's values as the one text that the parser reads."""
    mode, settings = keys.mode, keys.settings
    texts: dict[str, str] = {}
    for name, values in given.items():
        if name in GENERAL:
            continue
        key = mode.aliases.get(name, name)
        if elsewhere := keys.elsewhere(key):
            raise UserError(f"--{name} {elsewhere}")
        if key not in settings:
            # A group's name (--model) means one of its own keys.
            inner = [known for known in settings if known.startswith(f"{name}.")]
            near = nearest(name, inner or [*settings, *mode.aliases, *GENERAL])
            raise UserError(
                f"--{name} is no option of mode {mode.name}, expected one that --help lists; nearest: '--{near}'"
            )
        setting = settings[key]
        if setting.kind is bool and not values:
            texts[key] = "true"
        elif get_origin(setting.kind) is tuple and values and not values[0].startswith("["):
            as_text = get_args(setting.kind)[0] is str
            texts[key] = json.dumps(values) if as_text else f"[{','.join(values)}]"
        else:
            texts[key] = single(name, values, setting.expected)
    return texts


def unsplit(given: Mapping[str, Sequence[str]]) -> list[str]:
    """The inverse of ``split``, for showing a command."""
    return [word for key, values in given.items() for word in (f"--{key}", *values)]

"""Layers of a config and options of the command line -> one settings object, through a parser of these keys alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from inspect import cleandoc
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter, Namespace

from experiments.cli.files import Layer
from experiments.cli.keys import Keys, Setting, groups
from experiments.datasets import DATASETS, DataSettings
from experiments.errors import UserError, nearest, unknown
from experiments.limits import described
from experiments.modes import Mode


def _doc(cls: type) -> str:
    """What a class says of itself. A dataclass that says nothing is given its signature, which says nothing either."""
    own = cleandoc(cls.__dict__.get("__doc__") or "")
    return "" if own.startswith(f"{cls.__name__}(") else own


def _docs(cls: type) -> list[str]:
    """Its own words, then those of what it derives from, the nearest first."""
    return [doc for doc in map(_doc, cls.__mro__[:-1]) if doc]


def _about(kind: type, keys: Keys) -> str | None:
    """What stands under a group's name."""
    docs = _docs(kind)
    if not issubclass(kind, DataSettings):
        return docs[0] if docs else None
    others = [name for name in DATASETS if name != keys.dataset]
    more = [f"Other datasets have other keys: --data.dataset {' or '.join(others)}, with --help."] if others else []
    return " ".join([*reversed(docs), *more])


def _notes(setting: Setting, mode: Mode) -> str | None:
    notes = [setting.expected] if setting.words else []
    notes += [described(setting.limits)] if setting.limits else []
    notes += [f"also {mode.shown(setting.key)}"] if mode.shown(setting.key) != f"--{setting.key}" else []
    return ", ".join(notes) or None


def parser(keys: Keys) -> ArgumentParser:
    mode = keys.mode
    usage = f"python main.py --mode {mode.name} [--config FILE.yaml] [--key value ...]"
    shape: Any = partial(DefaultHelpFormatter, max_help_position=34, width=112)
    built = ArgumentParser(
        exit_on_error=False,
        allow_abbrev=False,
        usage=usage,
        description=next(iter(_docs(mode.settings)), None),
        formatter_class=shape,
    )
    sections = {name: built.add_argument_group(name, _about(kind, keys)) for name, kind in keys.groups.items()}
    for key, setting in keys.settings.items():
        section = sections.get(key.split(".")[0], built)
        section.add_argument(
            f"--{key}", type=setting.kind, default=setting.default, help=_notes(setting, mode), metavar="X"
        )
    return built


def _stranger(key: str, keys: Keys) -> str:
    """What is wrong with a key that is none."""
    if elsewhere := keys.elsewhere(key):
        return f"'{key}' {elsewhere}"
    near = nearest(key, [*keys.groups, *keys.settings])
    return f"'{key}' is no key of mode {keys.mode.name}; nearest: '{near}'"


def _check_keys(layer: Layer, keys: Keys) -> None:
    settings, heads = keys.settings, keys.groups

    def walk(values: dict[Any, Any], prefix: str) -> None:
        for name, value in values.items():
            key = f"{prefix}{name}"
            if key in heads and not isinstance(value, dict):
                inner = ", ".join(f.name for f in fields(heads[key]))
                raise UserError(f"{layer.name}: {key} is {value!r}, expected a mapping with keys among {inner}")
            if key in heads:
                walk(value, f"{key}.")
            elif key not in settings:
                raise UserError(f"{layer.name}: {_stranger(key, keys)}")
            elif value is None or isinstance(value, dict):
                what = "empty" if value is None else "a mapping"
                raise UserError(f"{layer.name}: {key} is {what}, expected {settings[key].expected}")

    walk(layer.values, "")


def _wrong_type(error: ArgumentError, keys: Keys, where: str, value_at: Callable[[str], object]) -> UserError:
    """The parser's two lines as one sentence; ``value_at`` gives the value that stood at a key."""
    named = re.search(r'key "([\w.]+)"', str(error))
    if named is None:
        return UserError(f"{where}{' '.join(str(error).split())}")
    key = named[1]
    setting = keys.settings[key]
    if setting.words:
        return unknown(f"{where}{setting.shown}", value_at(key), setting.words)
    return UserError(f"{where}{key} is '{value_at(key)}', expected {setting.expected}")


def _at(values: Any, key: str) -> Any:
    for name in key.split("."):
        values = values[name]
    return values


def _filled(cls: type, values: Namespace, heads: Mapping[str, type]) -> Any:
    return cls(**{k: _filled(heads[k], v, groups(heads[k])) if k in heads else v for k, v in vars(values).items()})


def build(keys: Keys, layers: list[Layer], options: dict[str, str]) -> Any:
    """``options``: dotted key -> its value as text, already known to be keys of the mode."""
    built = parser(keys)
    values = built.get_defaults()
    for layer in layers:
        _check_keys(layer, keys)
        try:
            values = built.parse_object(layer.values, namespace=values)
        except ArgumentError as error:
            raise _wrong_type(error, keys, f"{layer.name}: ", partial(_at, layer.values)) from error
    try:
        values = built.parse_args([f"--{key}={value}" for key, value in options.items()], values)
    except ArgumentError as error:
        raise _wrong_type(error, keys, "--", options.get) from error
    values["mode"] = keys.mode.name
    try:
        return _filled(keys.mode.settings, values, keys.groups)
    except ValueError as error:
        raise UserError(str(error)) from error

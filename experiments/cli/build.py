"""Layers of a config and options of the command line -> one settings object, through a parser of that mode alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from inspect import getdoc
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter, Namespace

from experiments.cli.files import Layer
from experiments.cli.keys import Setting, groups, settings_of
from experiments.datasets import DATASETS
from experiments.errors import UserError, nearest, unknown
from experiments.limits import described
from experiments.modes import Mode
from experiments.settings import DataSettings


def _about(kind: type) -> str | None:
    """A group's docstring; below that of data, what each dataset reads."""
    lines = [getdoc(kind) or ""]
    if kind is DataSettings:
        lines += [f"{dataset.name} reads {dataset.keys}." for dataset in DATASETS.values()]
    return " ".join(lines).strip() or None


def _notes(setting: Setting, mode: Mode) -> str | None:
    notes = [setting.expected] if setting.words else []
    notes += [described(setting.limits)] if setting.limits else []
    notes += [f"also {mode.shown(setting.key)}"] if mode.shown(setting.key) != f"--{setting.key}" else []
    return ", ".join(notes) or None


def parser(mode: Mode) -> ArgumentParser:
    cls = mode.settings
    usage = f"python main.py --mode {mode.name} [--config FILE.yaml] [--key value ...]"
    # A dataclass without a docstring of its own is given its signature, which says nothing to a reader.
    about = (doc for doc in map(getdoc, cls.__mro__[:-1]) if doc and not doc.startswith(f"{cls.__name__}("))
    shape: Any = partial(DefaultHelpFormatter, max_help_position=34, width=112)
    built = ArgumentParser(
        exit_on_error=False, allow_abbrev=False, usage=usage, description=next(about, None), formatter_class=shape
    )
    sections = {name: built.add_argument_group(name, _about(kind)) for name, kind in groups(cls).items()}
    for key, setting in settings_of(mode).items():
        section = sections.get(key.split(".")[0], built)
        section.add_argument(
            f"--{key}", type=setting.kind, default=setting.default, help=_notes(setting, mode), metavar="X"
        )
    return built


def _check_keys(layer: Layer, mode: Mode) -> None:
    settings, heads = settings_of(mode), groups(mode.settings)

    def walk(values: dict[Any, Any], prefix: str) -> None:
        for name, value in values.items():
            key = f"{prefix}{name}"
            if key in heads and not isinstance(value, dict):
                inner = ", ".join(f.name for f in fields(heads[key]))
                raise UserError(f"{layer.name}: {key} is {value!r}, expected a mapping with keys among {inner}")
            if key in heads:
                walk(value, f"{key}.")
            elif key not in settings:
                near = nearest(key, [*heads, *settings])
                raise UserError(f"{layer.name}: '{key}' is no key of mode {mode.name}; nearest: '{near}'")
            elif value is None or isinstance(value, dict):
                what = "empty" if value is None else "a mapping"
                raise UserError(f"{layer.name}: {key} is {what}, expected {settings[key].expected}")

    walk(layer.values, "")


def _wrong_type(error: ArgumentError, mode: Mode, where: str, value_at: Callable[[str], object]) -> UserError:
    """The parser's two lines as one sentence; ``value_at`` gives the value that stood at a key."""
    named = re.search(r'key "([\w.]+)"', str(error))
    if named is None:
        return UserError(f"{where}{' '.join(str(error).split())}")
    key = named[1]
    setting = settings_of(mode)[key]
    if setting.words:
        return unknown(f"{where}{key}", value_at(key), setting.words)
    return UserError(f"{where}{key} is '{value_at(key)}', expected {setting.expected}")


def _at(values: Any, key: str) -> Any:
    for name in key.split("."):
        values = values[name]
    return values


def _filled(cls: type, values: Namespace) -> Any:
    heads = groups(cls)
    return cls(**{k: _filled(heads[k], v) if k in heads else v for k, v in vars(values).items()})


def build(mode: Mode, layers: list[Layer], options: dict[str, str]) -> Any:
    """``options``: dotted key -> its value as text, already known to be keys of the mode."""
    built = parser(mode)
    values = built.get_defaults()
    for layer in layers:
        _check_keys(layer, mode)
        try:
            values = built.parse_object(layer.values, namespace=values)
        except ArgumentError as error:
            raise _wrong_type(error, mode, f"{layer.name}: ", partial(_at, layer.values)) from error
    try:
        values = built.parse_args([f"--{key}={value}" for key, value in options.items()], values)
    except ArgumentError as error:
        raise _wrong_type(error, mode, "--", options.get) from error
    values["mode"] = mode.name
    try:
        return _filled(mode.settings, values)
    except ValueError as error:
        raise UserError(str(error)) from error

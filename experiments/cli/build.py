"""Layers of a config and options of the command line -> one settings object, through a parser of that mode alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from inspect import getdoc
from typing import Any, get_type_hints

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter, Namespace

from experiments.cli.checks import CHOICES
from experiments.cli.files import Layer
from experiments.errors import UserError, nearest

EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text (in YAML, quote a number)",
    tuple[int, ...]: "a list of whole numbers",
    tuple[str, ...]: "a list of names",
}
ALIAS = {"from": "source", "build-logmels": "build_logmels"}


def leaves(cls: type, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, type and default of every setting; the groups' own names are not among them."""
    hints, default = get_type_hints(cls), cls()
    for field in fields(cls):
        key = prefix + field.name
        if is_dataclass(hints[field.name]):
            yield from leaves(hints[field.name], f"{key}.")
        else:
            yield key, hints[field.name], getattr(default, field.name)


def groups(cls: type) -> dict[str, type]:
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls) if is_dataclass(hints[f.name])}


def parser(cls: type, mode: str) -> ArgumentParser:
    usage = f"python main.py --mode {mode} [--config FILE.yaml] [--key value ...]"
    # A dataclass without a docstring of its own is given its signature, which says nothing to a reader.
    about = (doc for doc in map(getdoc, cls.__mro__[:-1]) if doc and not doc.startswith(f"{cls.__name__}("))
    shape: Any = partial(DefaultHelpFormatter, max_help_position=34, width=112)
    made = ArgumentParser(
        exit_on_error=False, allow_abbrev=False, usage=usage, description=next(about, None), formatter_class=shape
    )
    sections = {name: made.add_argument_group(name, getdoc(kind)) for name, kind in groups(cls).items()}
    for key, kind, default in leaves(cls):
        notes = [f"one of {', '.join(CHOICES[key])}"] if key in CHOICES else []
        notes += [f"also --{short}" for short, long in ALIAS.items() if long == key]
        section = sections.get(key.split(".")[0], made)
        section.add_argument(f"--{key}", type=kind, default=default, help=", ".join(notes) or None, metavar="X")
    return made


def _check_keys(layer: Layer, cls: type, mode: str) -> None:
    kinds = {key: kind for key, kind, _ in leaves(cls)}
    heads = groups(cls)

    def walk(values: dict[Any, Any], prefix: str) -> None:
        for name, value in values.items():
            key = f"{prefix}{name}"
            if key in heads and not isinstance(value, dict):
                inner = ", ".join(f.name for f in fields(heads[key]))
                raise UserError(f"{layer.name}: {key} is {value!r}, expected a mapping with keys among {inner}")
            if key in heads:
                walk(value, f"{key}.")
            elif key not in kinds:
                near = nearest(key, [*heads, *kinds])
                raise UserError(f"{layer.name}: '{key}' is no key of mode {mode}; nearest: '{near}'")
            elif value is None or isinstance(value, dict):
                found = "empty" if value is None else "a mapping"
                raise UserError(f"{layer.name}: {key} is {found}, expected {EXPECTED[kinds[key]]}")

    walk(layer.values, "")


def _wrong_type(error: ArgumentError, cls: type, where: str, find: Any) -> UserError:
    """The parser's two lines as one sentence; ``find`` gives the value that stood at a key."""
    named = re.search(r'key "([\w.]+)"', str(error))
    if named is None:
        return UserError(f"{where}{' '.join(str(error).split())}")
    key = named[1]
    expected = next(EXPECTED[kind] for name, kind, _ in leaves(cls) if name == key)
    return UserError(f"{where}{key} is '{find(key)}', expected {expected}")


def _at(values: Any, key: str) -> Any:
    for name in key.split("."):
        values = values[name]
    return values


def _make(cls: type, values: Namespace) -> Any:
    heads = groups(cls)
    return cls(**{k: _make(heads[k], v) if k in heads else v for k, v in vars(values).items()})


def build(cls: type, mode: str, layers: list[Layer], options: dict[str, str]) -> Any:
    """``options``: dotted key -> its value as text, already known to be keys of ``cls``."""
    made = parser(cls, mode)
    values = made.get_defaults()
    for layer in layers:
        _check_keys(layer, cls, mode)
        try:
            values = made.parse_object(layer.values, namespace=values)
        except ArgumentError as error:
            raise _wrong_type(error, cls, f"{layer.name}: ", lambda key, v=layer.values: _at(v, key)) from error
    try:
        values = made.parse_args([f"--{key}={value}" for key, value in options.items()], values)
    except ArgumentError as error:
        raise _wrong_type(error, cls, "--", options.get) from error
    values["mode"] = mode
    try:
        return _make(cls, values)
    except ValueError as error:
        raise UserError(str(error)) from error

"""YAML files as layers: a file, below it its ``base:`` (one file, or several), below those their own, lowest first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import UserError, nearest


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``name``: the file as a message calls it."""

    name: str
    values: dict[str, Any]


class Loader(yaml.SafeLoader):
    """YAML that reads ``4e-3`` as a number, as people do, and takes a key that stands twice for a mistake."""


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' stands twice", problem_mark=key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


def read(text: str, name: str) -> dict[str, Any]:
    try:
        values = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "unreadable"
        line = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{name}{line}: found no valid YAML ({problem}), expected lines of 'key: value'") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        what = type(values).__name__
        raise UserError(f"{name}: found one {what} at the top, expected a mapping, lines of 'key: value'")
    return values


def open_file(path: Path, key: str) -> str:
    """The text of a config; ``key`` is who asks for it."""
    if not path.is_file():
        others = [str(p) for folder in (path.parent, Path("configs")) for p in sorted(folder.glob("*.yaml"))]
        near = f"; nearest: '{nearest(str(path), others)}'" if others else ""
        what = "a folder" if path.is_dir() else "not there"
        raise UserError(f"{key} is '{path}', which is {what}, expected a YAML file{near}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{key} is '{path}', which is not UTF-8 text, expected a YAML file") from error


def bases(values: dict[str, Any], name: str) -> list[str]:
    """Takes ``base`` out of a config: the paths that it says, lowest first."""
    base = values.pop("base", [])
    paths = [base] if isinstance(base, str) else base
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise UserError(f"{name}: base is {base!r}, expected the path of a YAML file relative to this one, or a list")
    return paths


def layers(config: str) -> list[Layer]:
    """The file and its bases, lowest first: a later layer overrides an earlier one, key by key. A base stands, with
    its own bases below it, under the file that names it and over those named before it; a file can stand only once."""
    stack: list[Layer] = []
    seen: dict[Path, str] = {}

    def add(path: Path, key: str, above: tuple[str, ...]) -> None:
        name = normpath(path)
        chain = (*above, name)
        text = open_file(Path(name), key)
        if path.resolve() in {Path(asking).resolve() for asking in above}:
            raise UserError(f"{key} is '{name}', which leads in a circle ({' -> '.join(chain)})")
        if path.resolve() in seen:
            again = seen[path.resolve()]
            raise UserError(f"{key} is '{name}', which is a base already, of {again}, expected each file once")
        seen[path.resolve()] = (above or chain)[-1]
        values = read(text, name)
        for base in bases(values, name):
            add(path.parent / base, f"{name}: base", chain)
        stack.append(Layer(name=name, values=values))

    add(Path(config), "--config", ())
    return stack

"""``config.yaml`` of a run: every setting, resolved, so that ``--config`` gives the same settings again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import yaml

from experiments.cli import checks
from experiments.cli.build import build
from experiments.cli.files import Layer, read
from experiments.errors import unknown
from experiments.modes import MODES


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def dump(settings: Any) -> str:
    return yaml.safe_dump(_plain(asdict(settings)), sort_keys=False, allow_unicode=True, width=120)


def load(text: str, name: str = "config.yaml") -> Any:
    """The settings of a resolved config. Folders are not looked at: the run may lie elsewhere by now."""
    values = read(text, name)
    mode = values.get("mode", "")
    if mode not in MODES:
        raise unknown(f"{name}: mode", mode, MODES)
    settings = build(MODES[mode], [Layer(name=name, values=values)], {})
    checks.values(settings)
    return settings

"""``config.yaml`` of a run: every setting, resolved, so that ``--config`` gives the same settings again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import yaml

from experiments.cli import checks
from experiments.cli.build import build
from experiments.cli.files import Layer, read
from experiments.cli.keys import DATA, Keys, dataset_of, keys_of, leaves
from experiments.datasets import DATASETS
from experiments.errors import unknown
from experiments.modes import MODES


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def dump(settings: Any) -> str:
    return yaml.safe_dump(_plain(asdict(settings)), sort_keys=False, allow_unicode=True, width=120)


def _own(values: dict[str, Any], keys: Keys) -> dict[str, Any]:
    """Datasets did not always have settings of their own, and a config held the keys of all: one of another dataset
    that stands at its default there says nothing."""
    data = values.get(DATA)
    if not isinstance(data, dict):
        return values
    others = [setting for dataset in DATASETS.values() for setting in leaves(dataset.settings, f"{DATA}.")]
    silent = [(s.key, s.default) for s in others if s.key not in keys.settings]
    return {**values, DATA: {k: v for k, v in data.items() if (f"{DATA}.{k}", v) not in silent}}


def load(text: str, name: str = "config.yaml") -> Any:
    """The settings of a resolved config. Folders are not looked at: the run may lie elsewhere by now."""
    values = read(text, name)
    mode = values.get("mode", "")
    if mode not in MODES:
        raise unknown(f"{name}: mode", mode, MODES)
    data = values.get(DATA)
    keys = keys_of(MODES[mode], dataset_of(MODES[mode], [data.get("dataset")] if isinstance(data, dict) else []))
    settings = build(keys, [Layer(name=name, values=_own(values, keys))], {})
    checks.values(settings)
    return settings

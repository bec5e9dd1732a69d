"""The runs of a comparison: at least two, each once, an ANN first, all scored on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from experiments.datasets import DataSettings
from experiments.errors import UserError
from experiments.network import Run, load_run

# What may differ between runs that were scored on the same clips.
NOT_SCORED = {"train", "val", "cache", "root", "workers"}


def data_difference(a: DataSettings, b: DataSettings) -> tuple[str, Any, Any] | None:
    """The first key that makes other test clips of two settings, and both values."""
    if type(a) is not type(b):
        return "data.dataset", a.dataset, b.dataset
    for f in fields(a):
        values = getattr(a, f.name), getattr(b, f.name)
        if f.name not in NOT_SCORED and values[0] != values[1]:
            return f"data.{f.name}", *values
    return None


def compared(names: Sequence[str]) -> list[Run]:
    if len(names) < 2:
        raise UserError(
            f"--runs has {len(names)} runs, expected at least two: the ANN first, then what is compared with it"
        )
    runs: list[Run] = []
    for name in names:
        run = load_run(name)
        if any(run.folder.resolve() == other.folder.resolve() for other in runs):
            raise UserError(f"--runs names '{name}' twice, expected each run once")
        runs.append(run)
    first = runs[0]
    if first.settings.mode != "ann":
        near = next((r.name for r in runs if r.settings.mode == "ann"), "")
        raise UserError(
            f"--runs begins with '{first.name}' of mode '{first.settings.mode}', expected a run of mode ann"
            + (f"; nearest: '{near}'" if near else "")
        )
    for run in runs[1:]:
        if difference := data_difference(first.settings.data, run.settings.data):
            key, expected, value = difference
            raise UserError(f"{key} of run '{run.name}' is {value!r}, expected {expected!r} as of '{first.name}'")
    return runs

"""``state.pt``: all that a killed run needs to end as if it had not been killed; before it, the last few of its kind.

    state.pt          the newest
    state-000200.pt   one before it, of step 200; ``train.keep`` - 1 of these
    best.safetensors  the weights that scored best on val, where ``train.validate`` asks for scores; best.json: when

A file is written under another name, flushed to the disk, and only then takes its own: whatever happens, a whole one is
there. One that cannot be read is passed over for the one before. Loaded with ``weights_only=True``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from common.files import whole_file
from experiments.errors import UserError

STATE = "state.pt"
FORMAT = 2
UNREADABLE = (RuntimeError, EOFError, ValueError, UnpicklingError)


def older(folder: Path) -> list[Path]:
    """The newest of them first."""
    pattern = re.compile(r"state-(\d+)\.pt")
    steps = {int(match[1]): path for path in folder.glob("state-*.pt") if (match := pattern.fullmatch(path.name))}
    return [steps[step] for step in sorted(steps, reverse=True)]


def save(folder: Path, state: dict[str, Any], *, before: int = 0, keep: int = 1) -> None:
    """``before``: the step of the newest that is there. ``keep``: how many may be there afterwards, with this one."""
    newest = folder / STATE
    if newest.exists() and keep > 1:
        # A second name, not a new name: at no time is there no newest one.
        kept = folder / f"state-{before:06}.pt"
        kept.unlink(missing_ok=True)
        os.link(newest, kept)
    with whole_file(newest) as file:
        torch.save({"format": FORMAT, **state}, file)
    for path in older(folder)[keep - 1 :]:
        path.unlink()


def _read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("format") != FORMAT:
        raise ValueError(f"it has format {state.get('format', 1)}, expected {FORMAT}")
    return state


def load(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """(state, a sentence on what was passed over, or ""). None if the run was killed before its first checkpoint: it
    then starts again from step 0."""
    damaged: list[Path] = []
    for path in [folder / STATE, *older(folder)]:
        if not path.exists():
            continue
        try:
            state = _read(path)
        except UNREADABLE:
            damaged.append(path)
            continue
        names = " and ".join(str(p) for p in damaged)
        told = f"{names} cannot be read as a checkpoint; going on from {path}, step {state['step']}" if damaged else ""
        return state, told
    if damaged:
        raise UserError(
            f"{' and '.join(map(str, damaged))} cannot be read as a checkpoint of this version, and there is none "
            "before; delete it to start the run again"
        )
    return None, ""

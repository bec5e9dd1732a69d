"""A run's folder: made once, its files written whole, never overwritten by accident."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from common.files import write_whole
from experiments.errors import UserError
from graph.lower.files import weights_file


def write_json(path: Path, data: Any) -> None:
    write_whole(path, json.dumps(data, indent=2) + "\n")


def write_weights(path: Path, state: dict[str, Tensor]) -> None:
    write_whole(path, weights_file(state))


def read_weights(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        raise UserError(f"{path} is missing; expected the weights of a finished run")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(
            f"{path} is damaged ({error}), expected a safetensors file; train or copy the run again"
        ) from error


def read_json(path: Path) -> Any:
    if not path.exists():
        raise UserError(f"{path} is missing; expected it in a finished run")
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON (line {error.lineno}: {error.msg})") from error


def prepare(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse, continue, or replace. Checked before any work begins."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"run '{folder}' is a file, expected a folder or a new name")
    if resume and not folder.exists():
        raise UserError(f"run '{folder}' does not exist, so there is nothing to resume; leave --resume out to start it")
    if folder.exists() and not (resume or overwrite):
        raise UserError(
            f"run '{folder}' exists; give --resume to continue it, --overwrite to replace it, or another --run"
        )
    if overwrite and not resume and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)

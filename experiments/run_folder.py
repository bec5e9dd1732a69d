"""A run's folder: made once, written atomically, never overwritten by accident."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from experiments.errors import UserError


def write_bytes(path: Path, content: bytes) -> None:
    """All of it or none of it: a temporary file in the same folder, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_umask())  # a temporary file is private; a result is not
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's mask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, indent=2) + "\n")


def write_weights(path: Path, state: dict[str, Tensor]) -> None:
    write_bytes(path, save({k: v.detach().cpu().contiguous().clone() for k, v in state.items()}))


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


def refuse_overwrite(key: str, folder: Path, marker: str) -> None:
    """--overwrite deletes: never a folder that this program did not write, which has ``marker`` in it."""
    ours = folder.is_dir() and ((folder / marker).is_file() or not any(folder.iterdir()))
    if folder.exists() and not ours:
        raise UserError(
            f"{key} is '{folder}', which has no {marker}, expected a folder that this mode wrote, or a new one"
        )

"""What --overwrite may delete, asked before anything is done."""

from __future__ import annotations

from pathlib import Path

from experiments.errors import UserError


def refuse_overwrite(key: str, folder: Path, marker: str) -> None:
    """Never a folder that this program did not write, which has ``marker`` in it."""
    ours = folder.is_dir() and ((folder / marker).is_file() or not any(folder.iterdir()))
    if folder.exists() and not ours:
        raise UserError(
            f"{key} is '{folder}', which has no {marker}, expected a folder that this mode wrote, or a new one"
        )

"""A split of clips in a file, composed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from pickle import UnpicklingError

import torch

from avs.clip import Clips
from common.files import whole_file


def kept(path: Path, make: Callable[[], Clips]) -> Clips:
    """What lies at ``path``; where nothing does, what ``make`` gives, which is then kept there."""
    if path.is_file():
        return _read(path)
    clips = make()
    with whole_file(path) as file:
        torch.save({field.name: getattr(clips, field.name) for field in fields(Clips)}, file)
    return clips


def _read(path: Path) -> Clips:
    try:
        return Clips(**torch.load(path, weights_only=True))
    except (RuntimeError, EOFError, TypeError, ValueError, KeyError, OSError, UnpicklingError) as error:
        raise ValueError(
            f"{path}: found no readable clips, expected the file that was kept there; delete it"
        ) from error

"""Splits of composed clips, made once and kept in the folder of the stamps. (They are the user's: licences of the parts
differ, so no clip is ever given away with the project.)"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from avs.clip import Clips
from avs.clip_file import kept
from avs.stamps.compose import generate
from avs.stamps.composed import Composed
from avs.stamps.library import library_of, library_path
from avs.stamps.spec import StampsSpec

VERSION = 4


def path_of(spec: StampsSpec, split: str, count: int, folder: Path) -> Path:
    shown = asdict(spec) if split == "test" else {**asdict(spec), "kind": ""}
    of = {"spec": shown, "split": split, "count": count, "library": library_path(folder).name, "version": VERSION}
    key = json.dumps(of, sort_keys=True)
    name = f"{spec.variant}-{spec.kind if split == 'test' else split}-{spec.size}px-{count}"
    return folder / "clips" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pt"


def load(spec: StampsSpec, split: str, count: int, folder: Path) -> Clips:
    """The first ``count`` clips of a split."""
    return kept(path_of(spec, split, count, folder), lambda: generate(spec, split, count, library_of(folder)))


def load_fresh(spec: StampsSpec, split: str, count: int, folder: Path) -> Composed:
    """The same clips, composed when they are read."""
    return Composed(spec, split, count, library_of(folder))

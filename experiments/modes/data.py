"""``--mode data``: what is there of a dataset that lies in a folder, and whether all of it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.datasets import DATASETS, Folder
from experiments.errors import UserError, unknown
from experiments.modes.mode import Mode

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class DataModeSettings:
    """What is there of a dataset that lies in a folder, and whether all of it can be read. ``variant``: one of the
    dataset's, or all. ``build_logmels``: first make the log-mels that are missing from the recordings (wav)."""

    mode: str = "data"
    dataset: str = "avsbench"
    root: str = ""
    variant: str = ALL
    build_logmels: bool = False


def in_folders() -> dict[str, Folder]:
    return {name: dataset.folder for name, dataset in DATASETS.items() if dataset.folder is not None}


def variants() -> list[str]:
    return [ALL, *dict.fromkeys(word for name in in_folders() for word in DATASETS[name].variants)]


def check(settings: DataModeSettings) -> None:
    words = (ALL, *DATASETS[settings.dataset].variants)
    if settings.variant not in words:
        raise unknown(f"variant of {settings.dataset}", settings.variant, words)
    if not Path(settings.root or "?").is_dir():
        what = f"'{settings.root}', which is no folder" if settings.root else "missing"
        raise UserError(f"--root is {what}, expected the folder that holds {in_folders()[settings.dataset].holds}")


def run(settings: DataModeSettings) -> None:
    in_folders()[settings.dataset].report(Path(settings.root), settings.variant, settings.build_logmels)


DATA = Mode(
    name="data",
    summary="whether a dataset in a folder is whole, by name and count (--root FOLDER)",
    settings=DataModeSettings,
    run=run,
    aliases={"build-logmels": "build_logmels"},
    choices={"dataset": in_folders, "variant": variants},
    check=check,
)

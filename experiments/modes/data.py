"""``--mode data``: what is there of a dataset that lies in a folder, and whether all of it can be read.

A dataset that can be fetched is fetched first, as far as it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.datasets import DATASETS, Folder
from experiments.errors import UserError, unknown
from experiments.limits import within
from experiments.modes.mode import Mode

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class DataModeSettings:
    """What is there of a dataset that lies in a folder, and whether all of it can be read. ``variant``: one of the
    dataset's, or all. ``build_logmels``: first make the log-mels that are missing from the recordings (wav).
    ``packages``: a folder of .deb files, or one they were unpacked into, instead of fetching them (stamps). ``export``:
    a new folder that gets ``clips`` train clips, a tenth as many of val and of test, in AVSBench's layout, ``image``
    pixels a side (stamps, variant s4 or ms3)."""

    mode: str = "data"
    dataset: str = "avsbench"
    root: str = ""
    variant: str = ALL
    build_logmels: bool = False
    packages: str = ""
    export: str = ""
    clips: int = within(100, least=10)
    image: int = within(224, least=64, most=512)


def in_folders() -> dict[str, Folder]:
    return {name: dataset.folder for name, dataset in DATASETS.items() if dataset.folder is not None}


def variants() -> list[str]:
    return [ALL, *dict.fromkeys(word for name in in_folders() for word in DATASETS[name].variants)]


def check(settings: DataModeSettings) -> None:
    words = (ALL, *DATASETS[settings.dataset].variants)
    if settings.variant not in words:
        raise unknown(f"variant of {settings.dataset}", settings.variant, words)
    folder = in_folders()[settings.dataset]
    if settings.export and folder.export is None:
        raise UserError(f"--export is '{settings.export}', but {settings.dataset} is no dataset that is composed")
    if folder.fetch is None:
        if settings.packages:
            raise UserError(f"--packages is '{settings.packages}', but {settings.dataset} is not made of packages")
        if not Path(settings.root or "?").is_dir():
            what = f"'{settings.root}', which is no folder" if settings.root else "missing"
            raise UserError(f"--root is {what}, expected the folder that holds {folder.holds}")


def run(settings: DataModeSettings) -> None:
    folder = in_folders()[settings.dataset]
    root = Path(settings.root or folder.usual)
    if folder.fetch is not None:
        folder.fetch(root, Path(settings.packages) if settings.packages else None)
    folder.report(root, settings.variant, settings.build_logmels)
    if settings.export and folder.export is not None:
        folder.export(root, Path(settings.export), settings.variant, settings.clips, settings.image)


DATA = Mode(
    name="data",
    summary="fetch a dataset, and say whether it is whole, by name and count (--dataset NAME --root FOLDER)",
    settings=DataModeSettings,
    run=run,
    aliases={"build-logmels": "build_logmels"},
    choices={"dataset": in_folders, "variant": variants},
    check=check,
)

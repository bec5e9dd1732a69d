"""``Dataset``: everything that the settings, the checks, training and scoring ask of a dataset, in one entry.

What a split itself knows (objects, published scores, other sounds) is said by the split: see `avs.split.Split`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from experiments.limits import within

if TYPE_CHECKING:  # an entry says what there is; only who reads a split waits for torch
    from avs.split import Split

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """``train``, ``val``, ``test``: clips of each split, 0: the dataset's usual number. Val chooses, test is only
    reported. ``image``: pixels of a side, 0: what the model sees. ``workers``: processes that
    read ahead of training and scoring."""

    dataset: str = ""
    variant: str = "ms3"
    train: int = within(0, least=0)
    val: int = within(0, least=0)
    test: int = within(0, least=0)
    image: int = within(0, least=0)
    workers: int = within(0, least=0)


Settings = TypeVar("Settings", bound=DataSettings)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What ``--mode data`` does with a dataset that lies in a folder. ``holds``: what the folder has in it. ``report``:
    (folder, variant or "all", whether to build missing log-mels) prints what is there, and raises what is not.
    ``fetch``: (folder, the user's packages) fills it, where that can be done; ``export``: (folder, new folder, variant,
    clips, pixels of a side) writes clips as files; ``usual``: the folder, unless one is named."""

    holds: str
    report: Callable[[Path, str, bool], None]
    fetch: Callable[[Path, Path | None], None] | None = None
    export: Callable[[Path, Path, str, int, int], None] | None = None
    usual: str = ""


def _fine(data: DataSettings) -> None:
    """Nothing more to check."""


def _whole(data: DataSettings, counts: Mapping[str, int]) -> None:
    """Nothing that could be missing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset(Generic[Settings]):
    """``settings``: a frozen dataclass, what all datasets share and keys of its own; its docstring says them in --help.
    ``variants``: the words of ``data.variant``.

    ``usual``: clips of a split that are read unless the settings say how many; 0: all. ``grid``: pictures and log-mels
    are dyadic numbers. ``split``: (data, name, count, 0: all) -> clips. ``channels`` of the mask, ``frames`` of a clip
    and pixels of its ``side`` (0: any, pictures are brought to what the model sees), by the settings of data; classes
    that are ``named`` where they are seen and heard (0: they are not).

    ``check`` refuses settings that cannot be, and looks at no file; ``whole``: (data, clips of each split) refuses,
    before anything is trained, files that are missing or broken. Both raise ``experiments.errors.UserError``.
    """

    name: str
    settings: type[Settings]
    variants: tuple[str, ...]
    usual: Mapping[str, int]
    grid: bool
    split: Callable[[Settings, str, int], Split]
    channels: Callable[[Settings], int]
    frames: Callable[[Settings], int]
    side: Callable[[Settings], int]
    named: Callable[[Settings], int] = lambda data: 0
    check: Callable[[Settings], None] = _fine
    whole: Callable[[Settings, Mapping[str, int]], None] = _whole
    folder: Folder | None = None

    def __post_init__(self) -> None:
        if set(self.usual) != set(SPLITS):
            raise ValueError(f"dataset {self.name}: usual has {', '.join(self.usual)}, expected {', '.join(SPLITS)}")
        default = getattr(self.settings, "dataset", None)
        if not is_dataclass(self.settings) or default != self.name:
            raise ValueError(
                f"dataset {self.name}: the field dataset of {self.settings.__name__} is {default!r}, expected a "
                f"dataclass with '{self.name}' there"
            )

    def count(self, data: DataSettings, split: str) -> int:
        """How many clips of a split: what the settings say, else the usual number, else 0, all that there are."""
        asked: int = {"train": data.train, "val": data.val, "test": data.test}[split]
        return asked or self.usual[split]

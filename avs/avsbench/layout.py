"""Where every file of AVSBench lies, as it is distributed, and which of its frames exist and are labelled.

    s4    Single-source/  5 frames of one sounding category; in train only the first has a mask
    ms3   Multi-sources/  5 frames, all with masks
    avss  AVSS/           5 (v1s, v1m) or 10 (v2) frames of 71 classes, padded to 10; v1s as s4, the others all

Zhou et al., "Audio-Visual Segmentation", ECCV 2022, and "Audio-Visual Segmentation with Semantics", 2023.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SPLITS = ("train", "val", "test")
CLASSES = 71  # of avss, with the background


@dataclass(frozen=True, kw_only=True)
class Row:
    """One clip. ``group``: its category (s4), its part of the collection (avss), or nothing."""

    name: str
    split: str
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Paths are templates of split, group, name and the frame's number, which counts from ``first``.

    ``name`` is a column by header or by place, ``group`` by header. ``groups``: the only ones there are (none named:
    any). ``short``: groups with fewer than ``frames`` frames. ``one_shot``: groups that are labelled in their first
    frame only, in train. ``categories``: groups are what sounds. ``crop``: training
    pictures keep their aspect and lose their sides.
    """

    variant: str
    folder: str
    table: str
    image: str
    mask: str
    logmel: str
    wav: str
    frames: int
    first: int
    mask_kind: str
    name: str | int = 0
    group: str = ""
    groups: tuple[str, ...] = ()
    short: Mapping[str, int] = field(default_factory=dict)
    one_shot: Callable[[str], bool]
    categories: bool = False
    crop: bool = False
    classes: int = 1

    def valid(self, row: Row) -> int:
        """How many of the clip's frames exist; the rest is padding."""
        return self.short.get(row.group, self.frames)

    def labelled(self, row: Row) -> int:
        """How many of the clip's first frames have a mask."""
        return 1 if row.split == "train" and self.one_shot(row.group) else self.valid(row)


LAYOUTS = {
    "s4": Layout(
        variant="s4",
        folder="Single-source",
        table="s4_meta_data.csv",
        image="s4_data/visual_frames/{split}/{group}/{name}/{name}_{number}.png",
        mask="s4_data/gt_masks/{split}/{group}/{name}/{name}_{number}.png",
        logmel="s4_data/audio_log_mel/{split}/{group}/{name}.pkl",
        wav="s4_data/audio_wav/{split}/{group}/{name}.wav",
        frames=5,
        first=1,
        mask_kind="bit",
        group="category",
        categories=True,
        one_shot=lambda group: True,
    ),
    "ms3": Layout(
        variant="ms3",
        folder="Multi-sources",
        table="ms3_meta_data.csv",
        image="ms3_data/visual_frames/{name}/{name}.mp4_{number}.png",
        mask="ms3_data/gt_masks/{split}/{name}/{name}_{number}.png",
        logmel="ms3_data/audio_log_mel/{split}/{name}.pkl",
        wav="ms3_data/audio_wav/{split}/{name}.wav",
        frames=5,
        first=1,
        mask_kind="index",
        one_shot=lambda group: False,
    ),
    "avss": Layout(
        variant="avss",
        folder="AVSS",
        table="metadata.csv",
        image="{group}/{name}/frames/{number}.jpg",
        mask="{group}/{name}/labels_rgb/{number}.png",
        logmel="{group}/{name}/audio.pkl",
        wav="{group}/{name}/audio.wav",
        frames=10,
        first=0,
        mask_kind="colour",
        name="uid",
        group="label",
        groups=("v1s", "v1m", "v2"),
        short={"v1s": 5, "v1m": 5},
        one_shot=lambda group: group == "v1s",
        crop=True,
        classes=CLASSES,
    ),
}
VARIANTS = tuple(LAYOUTS)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A variant in a folder on this machine."""

    layout: Layout
    base: Path

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process has the layouts itself.
        return _place_again, (self.layout.variant, self.base)

    @property
    def table(self) -> Path:
        return self.base / self.layout.table

    def image(self, row: Row, frame: int) -> Path:
        return self._at(self.layout.image, row, frame)

    def mask(self, row: Row, frame: int) -> Path:
        return self._at(self.layout.mask, row, frame)

    def logmel(self, row: Row) -> Path:
        return self._at(self.layout.logmel, row)

    def wav(self, row: Row) -> Path:
        return self._at(self.layout.wav, row)

    def _at(self, template: str, row: Row, frame: int = 0) -> Path:
        number = frame + self.layout.first
        return self.base / template.format(split=row.split, group=row.group, name=row.name, number=number)


def _place_again(variant: str, base: Path) -> Place:
    return Place(layout=LAYOUTS[variant], base=base)


def place(variant: str, root: Path) -> Place:
    """``root`` is the folder that holds Single-source, Multi-sources and AVSS, or the variant's own."""
    if variant not in LAYOUTS:
        raise ValueError(f"avsbench: found variant '{variant}', expected one of {', '.join(VARIANTS)}")
    layout = LAYOUTS[variant]
    if not root.is_dir():
        raise ValueError(f"{root} is no folder, expected AVSBench's, with {layout.folder}/{layout.table} in it")
    bases = [base for base in (root / layout.folder, root) if (base / layout.table).is_file()]
    if not bases:
        raise ValueError(
            f"{root / layout.folder / layout.table} is missing, expected the table of {variant} there or in {root}"
        )
    return Place(layout=layout, base=bases[0])

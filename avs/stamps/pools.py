"""Which cut-outs, recordings and backgrounds each split may use, parted before anything is composed.

Of a class with several images one is held out, and of one with several recordings one group of near-duplicates. Test
clips are composed of these, or of what was trained on:

                    images      recordings    backgrounds
    train           train       train         train
    val             train       train         val
    seen            train       train         test
    unseen_image    held out    train         test
    unseen_sound    train       held out      test
    unseen_both     held out    held out      test
    real            photographs of their own source, each with the recording that lies beside it

Silent objects come from the same images as sounding ones. Of a class with a photograph it is that recording that is
held out. Which are held out follows from their names, not from a seed:
every run speaks of the same test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from avs.stamps.sources import Item, catalogue
from avs.stamps.spec import REAL

Kept = dict[str, tuple[Item, ...]]
VAL_BACKGROUNDS, TEST_BACKGROUNDS = 0.12, 0.25
SPEEDS = 0.4


@dataclass(frozen=True)
class Pool:
    """``images`` and ``sounds`` by class; ``sounding``: classes that have both. ``speeds``: octaves by which a
    recording may be played faster or slower: in training alone, where one or two recordings stand for a class."""

    images: Mapping[str, tuple[Item, ...]]
    sounds: Mapping[str, tuple[Item, ...]]
    backgrounds: tuple[Item, ...]
    speeds: float = 0.0

    @property
    def sounding(self) -> tuple[str, ...]:
        return tuple(label for label in self.images if label in self.sounds)

    def items(self) -> set[Item]:
        parts = [*self.images.values(), *self.sounds.values(), self.backgrounds]
        return {item for part in parts for item in part}


def _order(item: Item) -> str:
    """A lot that is drawn once and for all."""
    return sha256(item.key.encode()).hexdigest()


def _by_class(kind: str) -> Kept:
    found: dict[str, list[Item]] = {}
    for item in catalogue():
        if item.kind == kind:
            found.setdefault(item.label, []).append(item)
    return {label: tuple(items) for label, items in found.items()}


def _groups(items: Iterable[Item]) -> list[tuple[Item, ...]]:
    """What never parts."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.group or item.key, []).append(item)
    return [tuple(group) for group in found.values()]


def _parted(kind: str) -> tuple[Kept, Kept]:
    """(train, held out) by class: what lies beside a photograph, else the smallest group, that which its lot names
    where several are as small."""
    train, held = Kept(), Kept()
    beside = {label: items[0].source for label, items in _by_class("photograph").items() if kind == "sound"}
    for label, items in _by_class(kind).items():
        own = beside.get(label)
        groups = sorted(
            _groups(items), key=lambda group: (all(i.source != own for i in group), len(group), _order(group[0]))
        )
        if len(groups) > 1:
            held[label] = groups.pop(0)
        train[label] = tuple(item for group in groups for item in group)
    return train, held


def _backgrounds() -> dict[str, tuple[Item, ...]]:
    order = sorted((item for item in catalogue() if item.kind == "background"), key=_order)
    val, test = round(VAL_BACKGROUNDS * len(order)), round(TEST_BACKGROUNDS * len(order))
    return {"val": tuple(order[:val]), "test": tuple(order[val : val + test]), "train": tuple(order[val + test :])}


@cache
def pool(split: str, kind: str) -> Pool:
    """``kind``: of a test split."""
    images, sounds = _parted("image"), _parted("sound")
    test = split == "test"
    if test and kind == REAL:
        photographs = _by_class("photograph")
        return Pool(photographs, {label: sounds[1][label] for label in photographs}, ())
    return Pool(
        images[test and kind in ("unseen_image", "unseen_both")],
        sounds[test and kind in ("unseen_sound", "unseen_both")],
        _backgrounds()[split],
        SPEEDS if split == "train" else 0.0,
    )

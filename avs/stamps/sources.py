"""What stamps are made of: Debian packages by name, version and sha256, and where in them each picture and sound lies.

`catalogue.csv`: class, image, sound or photograph, source, path in it, and a group of recordings that are nearly the
same and never part. `backgrounds.csv`: photographs without anything in them that sounds. All were looked at, none is
shipped.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    size: int
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        """As the package tool names it."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_all.deb"


@dataclass(frozen=True)
class Source:
    """``prefix``: of its paths in the package, or in the resource ``archive`` inside that."""

    package: str
    prefix: str
    archive: str = ""

    def member(self, path: str) -> str:
        """The package's file that holds it."""
        return self.archive or self.prefix + path


def _gcompris(activity: str, inner: str = "") -> Source:
    archive = f"usr/share/gcompris-qt/rcc/{activity}.rcc"
    return Source("gcompris-qt-data", f"gcompris/src/activities/{activity}/resource/{inner}", archive)


SOURCES = {
    "tuxpaint-stamps-default": Source("tuxpaint-stamps-default", "usr/share/tuxpaint/stamps/"),
    "gcompris-qt-data:instruments": _gcompris("instruments"),
    "gcompris-qt-data:explore_farm_animals": _gcompris("explore_farm_animals", "animals/"),
    "gcompris-qt-data:explore_monuments": _gcompris("explore_monuments"),
    "scratch": Source("scratch", "usr/share/scratch/Media/Sounds/"),
    "tuxpaint-data": Source("tuxpaint-data", "usr/share/tuxpaint/templates/"),
    "mate-backgrounds": Source("mate-backgrounds", "usr/share/backgrounds/mate/nature/"),
    "lomiri-wallpapers-16.04": Source("lomiri-wallpapers-16.04", "usr/share/backgrounds/"),
    "plasma-workspace-wallpapers": Source("plasma-workspace-wallpapers", "usr/share/wallpapers/"),
}


@dataclass(frozen=True)
class Item:
    """``kind``: image, sound, background, or photograph of what sounds; ``group``: recordings that are nearly the same;
    "": it is alone."""

    kind: str
    source: str
    path: str
    label: str = ""
    group: str = ""

    @property
    def package(self) -> str:
        return SOURCES[self.source].package

    @property
    def key(self) -> str:
        return f"{self.source.replace(':', '.')}/{self.path}"


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def packages() -> dict[str, Package]:
    rows = _rows("packages.csv")
    return {r["package"]: Package(r["package"], r["version"], int(r["bytes"]), r["sha256"], r["licence"]) for r in rows}


@cache
def catalogue() -> tuple[Item, ...]:
    """Images and sounds by class, in the order of the file; then backgrounds."""
    things = [Item(r["kind"], r["source"], r["path"], r["class"], r["duplicate_group"]) for r in _rows("catalogue.csv")]
    return (*things, *(Item("background", r["source"], r["path"]) for r in _rows("backgrounds.csv")))


def classes() -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.label for item in catalogue() if item.label))


def by_package(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.package, []).append(item)
    return found

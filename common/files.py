"""A file is written whole or not at all: a reader finds the old one or the new one, never half of it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# What `whole_file` calls a file until all is written.
UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}")


def _rights() -> int:
    """Those of any new file; the mask of this process can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens a temporary file in the same folder, which takes the place of ``path`` when all is written. It is on the
    disk before it is renamed: after a power cut, too, the name stands for a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _rights())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def clear_unfinished(folder: Path) -> None:
    """Remove what a process that was killed while it wrote has left in a folder. Nobody else may be writing there."""
    for path in folder.glob(".*"):
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


def write_whole(path: Path, content: bytes | str) -> None:
    """Text is written as UTF-8, its line ends as they are."""
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)

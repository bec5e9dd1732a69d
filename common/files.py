"""A file is written whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """A temporary file in the same folder, then a rename; the rights are those that any new file gets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = os.umask(0)  # it can only be read by setting it
    os.umask(mask)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)

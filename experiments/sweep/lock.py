"""A lock on a file that the kernel lets go of when its holder has ended, in whatever way: ``flock``.

The lock belongs to the open file, so a process that inherits the file holds it too. The file says who took it.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from experiments.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Holder:
    """``process`` 0: it has taken the lock and not yet said who it is."""

    host: str = ""
    process: int = 0

    @property
    def here(self) -> bool:
        return self.host == socket.gethostname() and self.process > 0


def sign(file: IO[str], process: int) -> None:
    """Say in the locked file that ``process`` of this machine holds it."""
    file.seek(0)
    file.truncate()
    json.dump(asdict(Holder(host=socket.gethostname(), process=process)), file)
    file.flush()


@contextmanager
def held(path: Path, *, wait: bool = True) -> Iterator[IO[str]]:
    """Hold the lock; without ``wait``, ``BlockingIOError`` if another has it. The file is never unlocked, only closed:
    a child that inherited it keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        sign(file, os.getpid())
        yield file


def holder(path: Path) -> Holder | None:
    """Who holds it, if anybody does."""
    if not path.is_file():
        return None
    with path.open("r") as file:
        try:
            # Shared, for an instant: two that only look do not see each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read()
            return Holder(**json.loads(text)) if text.endswith("}") else Holder()
    return None


@contextmanager
def only_driver(path: Path) -> Iterator[None]:
    """Two drivers of one sweep would both start its points."""
    with ExitStack() as stack:
        try:
            stack.enter_context(held(path, wait=False))
        except BlockingIOError as error:
            other = holder(path) or Holder()
            raise UserError(
                f"the sweep in '{path.parent}' is being run by process {other.process} on {other.host}, expected that "
                "it has ended"
            ) from error
        yield


def refuse_running(key: str, folder: Path) -> None:
    """Files under a command that still runs are not to be deleted."""
    for path in sorted(folder.glob(".*.lock")):
        who = holder(path)
        if who is not None:
            raise UserError(
                f"{key} is '{folder}', where {path.name[1:-5]} still runs (process {who.process} on {who.host}), "
                "expected that it has ended, or --resume"
            )

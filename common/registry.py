"""A registry: entries by the name that each says of itself, in the order in which they were added."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


class Registry(dict[str, Entry]):
    """``what``: what a message calls an entry."""

    def __init__(self, what: str, *entries: Entry) -> None:
        super().__init__()
        self.what = what
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """A name stands for one entry: a second of the same name is refused."""
        if entry.name in self:
            raise ValueError(f"{self.what} '{entry.name}' is there already, expected none of {', '.join(self)}")
        self[entry.name] = entry

    @contextmanager
    def including(self, *entries: Entry) -> Iterator[None]:
        """With these entries too, until the block ends."""
        before = dict(self)
        try:
            for entry in entries:
                self.add(entry)
            yield
        finally:
            self.clear()
            self.update(before)

"""``Build``: a kernel source and its build constants. Its text goes to any compiler; its key names the result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files

Constants = tuple[tuple[str, int | str], ...]


@lru_cache
def text_of(name: str, package: str = "kernels") -> str:
    """A file with its local includes, which are of this folder, put in place: no compiler needs a path to them."""
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(files(package).joinpath(name).read_text().splitlines(), 1):
        if line.startswith('#include "'):
            lines += [text_of(line.split('"')[1]), f'#line {number + 1} "{name}"']
        else:
            lines.append(line)
    return "\n".join(lines)


@dataclass(frozen=True)
class Build:
    """``kernels`` are the names that a launch may ask for; ``constants`` become ``-DNAME=VALUE``; ``package``:
    where the file lies."""

    file: str
    kernels: tuple[str, ...]
    constants: Constants = ()
    package: str = "kernels"

    @cached_property
    def text(self) -> str:
        return text_of(self.file, self.package)

    @property
    def defines(self) -> tuple[str, ...]:
        return tuple(f"-D{name}={value}" for name, value in self.constants)

    def key(self, *more: str) -> str:
        """``more``: everything else that changes the binary (compiler, its version, flags)."""
        return sha256("\0".join((self.text, *self.kernels, *self.defines, *more)).encode()).hexdigest()[:24]

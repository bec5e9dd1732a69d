"""Names of a package that are imported when they are first asked for.

torch takes seconds to import. A package that offers both names that need it and names that do not says where the former
are, and who asks for the latter alone (the command line, its help, its sentences) does not wait:

    __getattr__ = late(__name__, {"avs.chimes.clips": ("generate", "load")})

A home must not be called like one of its names: importing it would put the module in the name's place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package; ``homes``: module -> the names that are imported from it."""
    home_of = {name: home for home, names in homes.items() for name in names}
    hidden = [home for home in homes if home.rpartition(".")[2] in home_of]
    if hidden:
        raise ValueError(f"{package}: {hidden[0]} is called like a name that it is the home of, expected another")

    def attribute(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(home_of[name]), name)

    return attribute

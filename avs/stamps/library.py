"""The catalogue as arrays, decoded once: `Library` reads them from the folder that `avs.stamps.unpack` filled."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs.stamps.decode import cut_out, photograph, scene, sound
from avs.stamps.errors import StampsError
from avs.stamps.sources import Item, catalogue
from avs.stamps.unpack import file_of, require_files
from common.files import whole_file

Array = NDArray[Any]
DECODERS: dict[str, Callable[[Path], Array]] = {
    "image": cut_out,
    "sound": sound,
    "background": photograph,
    "photograph": scene,
}
VERSION = 2


class Library:
    """Item -> its array: a cut-out or a scene [H, W, 4], a photograph [H, W, 3], a wave [samples]."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays

    def __getitem__(self, item: Item) -> Array:
        return self.arrays[item.key]


def library_path(folder: Path) -> Path:
    names = repr([(item, VERSION) for item in catalogue()])
    return folder / f"library-{sha256(names.encode()).hexdigest()[:16]}.npz"


def load(folder: Path) -> Library:
    """Decoded once, and kept beside the files."""
    path = library_path(folder)
    if not path.is_file():
        require_files(folder)
        arrays = {item.key: DECODERS[item.kind](file_of(folder, item)) for item in catalogue()}
        with whole_file(path) as file:
            np.savez(file, allow_pickle=False, **arrays)
        return Library(arrays)
    try:
        with np.load(path) as kept:
            return Library({name: kept[name] for name in kept.files})
    except (OSError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise StampsError(f"{path} cannot be read ({error}), expected what `load` wrote; delete it") from error


@lru_cache(maxsize=1)
def library_of(folder: Path) -> Library:
    """Read once in a process."""
    return load(folder)

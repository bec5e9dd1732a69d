"""Frames and masks: a file -> uint8 pixels of the side that a network sees.

Both are brought to the same square: frames bilinear, masks to the nearest pixel, so a mask and a mask's logits meet at
the network's size and neither is interpolated afterwards (as in the released AVSegFormer code, at 224 and at 512: what
is published at 512 is scored on masks enlarged from 224). avss crops its training frames instead: short edge to the
side, then the centre.

Masks: ``bit`` (s4) is read in Pillow's mode 1, ``index`` (ms3) as the index of its palette over 255, ``colour`` (avss)
through the palette of 71 classes.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avs.avsbench.palette import decode

Pixels = NDArray[np.uint8]
FULL = 255
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def read(path: Path, what: str) -> Image.Image:
    """All of it decoded; whatever stops that is one sentence about the file."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing, expected {what}") from error
    except UNREADABLE as error:
        raise ValueError(f"{path}: found no whole image ({error}), expected {what}") from error


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height by the header alone; None where there is no image."""
    try:
        with Image.open(path) as image:
            return image.size
    except UNREADABLE:
        return None


def fit(image: Image.Image, size: int, crop: bool, how: Image.Resampling) -> Image.Image:
    """To size x size; ``crop`` keeps the aspect: short edge to ``size``, then the centre."""
    if not crop:
        return image.resize((size, size), how)
    width, height = image.size
    wide, high = (width * size // height, size) if width > height else (size, height * size // width)
    left, top = round((wide - size) / 2), round((high - size) / 2)
    return image.resize((wide, high), how).crop((left, top, left + size, top + size))


def read_frame(path: Path, size: int, crop: bool = False) -> Pixels:
    """[3, size, size]."""
    image = read(path, "a frame, an RGB image").convert("RGB")
    return np.asarray(fit(image, size, crop, Image.Resampling.BILINEAR)).transpose(2, 0, 1).copy()


def _bit(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("1")).astype(np.uint8)


def _index(image: Image.Image) -> Pixels:
    values = np.asarray(image if image.mode == "P" else image.convert("L"))
    if 0 < values.max() <= FULL // 2:
        raise ValueError(f"found a mask of values up to {values.max()}, expected 0 and {FULL}")
    return (values > FULL // 2).astype(np.uint8)


def _colour(image: Image.Image) -> Pixels:
    return decode(np.asarray(image.convert("RGB")))


DECODERS: dict[str, tuple[tuple[str, ...], Callable[[Image.Image], Pixels]]] = {
    "bit": (("1", "L", "P", "RGB"), _bit),
    "index": (("1", "L", "P"), _index),
    "colour": (("RGB", "P"), _colour),
}


def mask_labels(path: Path, kind: str) -> Image.Image:
    """The mask at the size that it is stored in: 0 and 1, or classes."""
    image = read(path, f"a mask, {'an RGB image' if kind == 'colour' else 'a black and white image'}")
    modes, decoder = DECODERS[kind]
    if image.mode not in modes:
        raise ValueError(f"{path}: found an image of mode {image.mode}, expected a mask of mode {' or '.join(modes)}")
    try:
        return Image.fromarray(decoder(image))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_mask(path: Path, kind: str, size: int, crop: bool = False) -> Pixels:
    """[size, size]."""
    return np.asarray(fit(mask_labels(path, kind), size, crop, Image.Resampling.NEAREST)).copy()

"""Files as arrays: a cut-out or a scene [H, W, 4], a photograph [H, W, 3] of bytes, a sound [samples] at 16 kHz."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avs.sound import SAMPLE_RATE
from avs.stamps.errors import StampsError
from avs.stamps.outlines import outlined
from avs.video.read import VideoError, samples_of

Bytes = NDArray[np.uint8]
Wave = NDArray[np.float32]

LONGEST, SHORTEST = 512, 512  # sides of a cut-out, at most, and of a photograph
OPAQUE = 8  # alpha from which on a cut-out's box counts
QUIET, LOUDNESS = 0.02, 0.1  # of the peak, where a sound begins and ends; root mean square that it gets


def _picture(path: Path, mode: str) -> Image.Image:
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(_drawn(content) if path.suffix == ".svg" else content)) as picture:
            picture.draft("RGB", (2 * SHORTEST, 2 * SHORTEST))  # a large JPEG is read at half its size, or a quarter
            return picture.convert(mode)
    except (OSError, ValueError) as error:
        raise StampsError(f"{path} is no picture that can be read ({error})") from error


def _drawn(content: bytes) -> bytes:
    """A drawing as PNG, its longer side ``LONGEST``."""
    try:
        import resvg_py
    except ImportError as error:
        raise StampsError("drawings need the package resvg-py, expected: pip install -e '.[stamps]'") from error
    return bytes(resvg_py.svg_to_bytes(svg_string=content.decode(), width=LONGEST))


def cut_out(path: Path) -> Bytes:
    """The box around what is not transparent, never enlarged."""
    picture = _picture(path, "RGBA")
    box = picture.getchannel("A").point(lambda alpha: 255 * (alpha >= OPAQUE)).getbbox()
    if box is None:
        raise StampsError(f"{path} is transparent everywhere, expected a cut-out")
    picture = picture.crop(box)
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _photograph(path: Path) -> Image.Image:
    picture = _picture(path, "RGB")
    scale = SHORTEST / min(picture.size)
    if scale < 1:
        picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)  # type: ignore[arg-type]
    return picture


def photograph(path: Path) -> Bytes:
    return np.asarray(_photograph(path))


def scene(path: Path) -> Bytes:
    """A photograph with what sounds in it in view; alpha says where that is."""
    picture = _photograph(path)
    picture.putalpha(outlined(path.name, picture.size))
    return np.asarray(picture)


def sound(path: Path) -> Wave:
    """Without the silence around it, at one loudness."""
    try:
        wave = np.concatenate([np.zeros(0, np.float32), *samples_of(path)])
    except VideoError as error:
        raise StampsError(str(error)) from error
    loud = np.flatnonzero(np.abs(wave) > QUIET * np.abs(wave).max(initial=0))
    if not len(loud):
        raise StampsError(f"{path} is silent, expected a sound")
    wave = wave[loud[0] : loud[-1] + 1][: 10 * SAMPLE_RATE]
    louder = LOUDNESS / float(np.sqrt(np.mean(np.square(wave))))
    return np.asarray(wave * min(louder, 0.99 / float(np.abs(wave).max())), np.float32)

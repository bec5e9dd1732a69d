"""Where pictures and sound come from: a film, a folder of frames, one picture. All give the same, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from avs.video import Film, VideoError
from avs.video.read import Pixels, Wave, Window, check_sound, samples_of
from experiments.errors import UserError
from experiments.modes.predict import PredictSettings

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True, kw_only=True)
class Source:
    """``frames()`` gives (seconds, [H, W, 3], [15600] samples from then on). ``count``: about how many, 0: unknown;
    ``film``: whose sound a result keeps."""

    height: int
    width: int
    rate: Fraction
    count: int
    has_sound: bool
    frames: Callable[[], Iterator[tuple[float, Pixels, Wave]]]
    film: Film | None = None
    single: bool = False


def source_of(settings: PredictSettings) -> Source:
    given = [key for key in ("video", "frames", "image") if getattr(settings, key)]
    if len(given) != 1:
        what = " and ".join(f"--{key}" for key in given) or "none"
        raise UserError(f"found {what}, expected one of --video FILM, --frames FOLDER, --image PICTURE")
    if given == ["video"]:
        if settings.wav:
            raise UserError("--wav stands beside --video, expected the film's own sound; nearest: --frames and --wav")
        return _film(Path(settings.video))
    if given == ["frames"]:
        return _pictures(_listed(Path(settings.frames)), settings)
    return _pictures([Path(settings.image)], settings, single=True)


def _film(path: Path) -> Source:
    try:
        film = Film.open(path)
    except VideoError as error:
        raise UserError(str(error)) from error
    count = round(film.seconds * float(film.rate))
    return Source(
        height=film.height,
        width=film.width,
        rate=film.rate,
        count=count,
        has_sound=film.has_sound,
        frames=film.seen_and_heard,
        film=film,
    )


def _listed(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"--frames is '{folder}', expected a folder of pictures")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    if not found:
        raise UserError(f"{folder} holds no pictures, expected {', '.join(PICTURES)}")
    return found


def opened(path: Path, sides: tuple[int, int] | None = None) -> Pixels:
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path} is no picture that can be read ({error})") from error
    if sides is not None and pixels.shape[:2] != sides:
        found = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise UserError(f"{path} has {found} pixels, expected {sides[1]} x {sides[0]} as the first picture")
    return pixels


def _pictures(paths: list[Path], settings: PredictSettings, *, single: bool = False) -> Source:
    height, width = sides = opened(paths[0]).shape[:2]
    wave = Path(settings.wav) if settings.wav else None
    if wave is not None:
        try:
            check_sound(wave)
        except VideoError as error:
            raise UserError(f"--wav: {error}") from error

    def frames() -> Iterator[tuple[float, Pixels, Wave]]:
        window = Window(samples_of(wave) if wave else iter(()))
        for number, path in enumerate(paths):
            seconds = number / settings.fps
            yield seconds, opened(path, sides), window.at(seconds)

    return Source(
        height=height,
        width=width,
        rate=Fraction(settings.fps).limit_denominator(1001),
        count=len(paths),
        has_sound=wave is not None,
        frames=frames,
        single=single,
    )

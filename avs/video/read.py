"""``Film``: the pictures and the sound of a file, in order, in constant memory. Decoded by PyAV.

A picture at t seconds goes with the 0.975 s of sound from t on, as in the data that networks are trained on: mono,
16 kHz, silence where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from avs.sound import EXAMPLE_SAMPLES, SAMPLE_RATE

if TYPE_CHECKING:
    from av.container import InputContainer

Pixels = NDArray[np.uint8]
Wave = NDArray[np.float32]
EXTRA = 'films need PyAV: pip install -e ".[video]"'


class VideoError(ValueError):
    """A file that cannot be read, or written, as a film; one sentence."""


def pyav() -> Any:
    try:
        import av
    except ImportError as error:
        raise VideoError(EXTRA) from error
    return av


def _open(path: Path) -> InputContainer:
    av = pyav()
    if not path.is_file():
        raise VideoError(f"{path} is no file, expected a film")
    try:
        return av.open(str(path))  # type: ignore[no-any-return]
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(f"{path} is no film that can be read, or it is cut off ({_why(error)})") from error


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).lower()


@dataclass(frozen=True, kw_only=True)
class Film:
    """``height``, ``width``: as shown, the right way up. ``rate``: frames a second, on average. ``seconds``: as the
    file says, 0 where it does not. ``turned``: by how many quarters its pictures are turned before they are shown."""

    path: Path
    height: int
    width: int
    rate: Fraction
    seconds: float
    has_sound: bool
    turned: int

    @classmethod
    def open(cls, path: Path) -> Film:
        av = pyav()
        with _open(path) as file:
            if not file.streams.video:
                raise VideoError(f"{path} holds sound alone, expected pictures too")
            stream = file.streams.video[0]
            try:
                first = next(file.decode(stream), None)
            except av.error.FFmpegError as error:
                raise VideoError(f"{path} holds no picture that can be read ({_why(error)})") from error
            if first is None:
                raise VideoError(f"{path} has 0 frames, expected at least one")
            turned = round(first.rotation / 90) % 4
            sides = (first.height, first.width)[:: -1 if turned % 2 else 1]
            seconds = float(file.duration or 0) / av.time_base
            rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
            sound = bool(file.streams.audio)
        return cls(
            path=path,
            height=sides[0],
            width=sides[1],
            rate=rate,
            seconds=seconds,
            has_sound=sound,
            turned=turned,
        )

    def pictures(self) -> Iterator[tuple[float, Pixels]]:
        """(seconds, [H, W, 3]) of every frame."""
        with _open(self.path) as file:
            for number, frame in enumerate(decoded(file, file.streams.video[0])):
                at = float(frame.time) if frame.time is not None else number / float(self.rate)
                yield at, np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), self.turned))

    def sound(self) -> Iterator[Wave]:
        """Blocks of mono samples at 16 kHz, in order; none where there is no sound."""
        return samples_of(self.path) if self.has_sound else iter(())

    def seen_and_heard(self) -> Iterator[tuple[float, Pixels, Wave]]:
        """(seconds, picture, [15600] samples from then on)."""
        window = Window(self.sound())
        for at, picture in self.pictures():
            yield at, picture, window.at(at)


def decoded(file: InputContainer, stream: Any) -> Iterator[Any]:
    """The frames of a stream; a file that is cut off gives what it has."""
    try:
        yield from file.decode(stream)
    except pyav().error.FFmpegError:
        return


def samples_of(path: Path) -> Iterator[Wave]:
    """Blocks of mono samples at 16 kHz of a file that has sound, in order."""
    av = pyav()
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with _open(path) as file:
        for frame in decoded(file, file.streams.audio[0]):
            yield from (block.to_ndarray().reshape(-1) for block in resampler.resample(frame))
        yield from (block.to_ndarray().reshape(-1) for block in resampler.resample(None))


def check_sound(path: Path) -> None:
    with _open(path) as file:
        if not file.streams.audio:
            raise VideoError(f"{path} holds no sound, expected a file with sound in it")


class Window:
    """A stretch of samples that slides forward over blocks; only what it may still need is kept."""

    def __init__(self, blocks: Iterator[Wave], samples: int = EXAMPLE_SAMPLES) -> None:
        self.blocks, self.samples = blocks, samples
        self.kept, self.start = np.zeros(0, np.float32), 0

    def at(self, seconds: float) -> Wave:
        first = max(round(seconds * SAMPLE_RATE), self.start)
        while self.start + len(self.kept) < first + self.samples:
            block = next(self.blocks, None)
            if block is None:
                missing = first + self.samples - self.start - len(self.kept)
                self.kept = np.concatenate([self.kept, np.zeros(missing, np.float32)])
                break
            self.kept = np.concatenate([self.kept, block.astype(np.float32)])
            surplus = min(first - self.start, len(self.kept))
            self.kept, self.start = self.kept[surplus:], self.start + surplus
        surplus = first - self.start
        self.kept, self.start = self.kept[surplus:], first
        return self.kept[: self.samples].copy()

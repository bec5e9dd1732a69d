"""``film_at``: pictures and the sound of another film into an MP4 (H.264, AAC), in constant memory.

A file stands there when it is whole, or not at all. H.264 wants even sides: an odd one gets one more row or column, a
copy of the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from avs.video.read import Film, Pixels, VideoError, decoded, pyav
from common.files import whole_file

TICKS = 90_000  # of a second; fine enough for any frame rate


@contextmanager
def film_at(path: Path, height: int, width: int, rate: Fraction, sound: Film | None = None) -> Iterator[FilmWriter]:
    """``sound``: the film whose sound is kept, or None."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(whole_file(path))
        except OSError as error:
            raise VideoError(f"{path} cannot be written ({str(error).lower()})") from error
        container = stack.enter_context(pyav().open(file, "w", format="mp4"))
        writer = FilmWriter(container, height, width, rate, sound)
        yield writer
        writer.end()


class FilmWriter:
    """``add``: a picture after the other."""

    def __init__(self, file: Any, height: int, width: int, rate: Fraction, sound: Film | None) -> None:
        self.file, self.last = file, -1
        self.picture = file.add_stream("libx264", rate=Fraction(rate).limit_denominator(TICKS))
        self.picture.width, self.picture.height = width + width % 2, height + height % 2
        self.picture.pix_fmt = "yuv420p"
        self.picture.codec_context.time_base = Fraction(1, TICKS)
        self.sound = _Sound(file, sound) if sound is not None and sound.has_sound else None

    def add(self, seconds: float, picture: Pixels) -> None:
        """[H, W, 3], shown from ``seconds`` on."""
        height, width = picture.shape[:2]
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = pyav().VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        self.last = max(self.last + 1, round(seconds * TICKS))
        frame.pts, frame.time_base = self.last, Fraction(1, TICKS)
        self.file.mux(self.picture.encode(frame))
        if self.sound is not None:
            self.sound.until(seconds)

    def end(self) -> None:
        """What the encoders still hold."""
        self.file.mux(self.picture.encode(None))
        if self.sound is not None:
            self.sound.until(None)


class _Sound:
    """The sound of a film, encoded again, never far ahead of the pictures."""

    def __init__(self, file: Any, film: Film) -> None:
        av = pyav()
        self.file, self.source = file, av.open(str(film.path))
        stream = self.source.streams.audio[0]
        self.stream = file.add_stream("aac", rate=stream.rate)
        self.resampler = av.AudioResampler(format="fltp", layout="stereo", rate=stream.rate)
        self.frames = decoded(self.source, stream)

    def until(self, seconds: float | None) -> None:
        """None: to its end."""
        for frame in self.frames:
            self._encode(frame)
            if seconds is not None and frame.time is not None and frame.time > seconds:
                return
        if seconds is None:
            self._encode(None)
            self.file.mux(self.stream.encode(None))
            self.source.close()

    def _encode(self, frame: Any) -> None:
        for block in self.resampler.resample(frame):
            self.file.mux(self.stream.encode(block))

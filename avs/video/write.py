"""``FilmWriter``: pictures and the sound of another film into an MP4 (H.264, AAC), in constant memory.

Written under a hidden name beside the target and renamed when whole, so that nothing half-written is left. H.264 wants
even sides: an odd one gets one more row or column, a copy of the last.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from avs.video.read import Film, Pixels, VideoError, decoded, pyav

TICKS = 90_000  # of a second; fine enough for any frame rate


class FilmWriter:
    """``with FilmWriter(path, height, width, rate, sound) as film: film.add(seconds, picture)``. ``sound``: the film
    whose sound is kept, or None."""

    def __init__(self, path: Path, height: int, width: int, rate: Fraction, sound: Film | None = None) -> None:
        av = pyav()
        self.path, self.part = path, path.with_name(f".{path.stem}.part.mp4")
        try:
            self.file: Any = av.open(str(self.part), "w")
        except (OSError, av.error.FFmpegError) as error:
            raise VideoError(f"{path} cannot be written ({str(error).lower()})") from error
        self.picture = self.file.add_stream("libx264", rate=Fraction(rate).limit_denominator(TICKS))
        self.picture.width, self.picture.height = width + width % 2, height + height % 2
        self.picture.pix_fmt = "yuv420p"
        self.picture.codec_context.time_base = Fraction(1, TICKS)
        self.last = -1
        self.sound = _Sound(self.file, sound) if sound is not None and sound.has_sound else None

    def add(self, seconds: float, picture: Pixels) -> None:
        """[H, W, 3], shown from ``seconds`` on."""
        av = pyav()
        height, width = picture.shape[:2]
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        self.last = max(self.last + 1, round(seconds * TICKS))
        frame.pts, frame.time_base = self.last, Fraction(1, TICKS)
        self.file.mux(self.picture.encode(frame))
        if self.sound is not None:
            self.sound.until(seconds)

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.file.mux(self.picture.encode(None))
                if self.sound is not None:
                    self.sound.until(None)
            self.file.close()
            if kind is None:
                self.part.replace(self.path)
        finally:
            self.part.unlink(missing_ok=True)


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

"""Films that a test makes: moving chimes, of any size, rate and length, with or without sound, turned, cut off."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from avs.chimes import ChimesSpec, generate, waveform
from avs.sound import SAMPLE_RATE

TICKS = 90_000


def pictures(count: int, height: int, width: int):
    """Chimes' own frames, enlarged; two seconds of them, there and back."""
    clip = generate(ChimesSpec(fps=10, frames=3), "test", 1).frames[0].permute(0, 2, 3, 1).numpy()
    rows, columns = (np.arange(n) * 64 // n for n in (height, width))
    for k in range(count):
        at = k % (2 * len(clip) - 2)
        yield clip[min(at, 2 * len(clip) - 2 - at)][rows][:, columns]


def make_film(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: int = 10,
    height: int = 64,
    width: int = 64,
    sound: bool = True,
    sight: bool = True,
    times: list[float] | None = None,
) -> Path:
    """``times``: of each frame, for a rate that varies."""
    import av

    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=fps) if sight else None
        heard = file.add_stream("aac", rate=SAMPLE_RATE) if sound else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
            picture.codec_context.time_base = Fraction(1, TICKS)
            stamps = times or [k / fps for k in range(round(seconds * fps))]
            for at, pixels in zip(stamps, pictures(len(stamps), height, width), strict=False):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.pts, frame.time_base = round(at * TICKS), Fraction(1, TICKS)
                file.mux(picture.encode(frame))
            file.mux(picture.encode(None))
        if heard is not None:
            wave = np.resize(waveform(ChimesSpec(fps=10, frames=3), "test", 0), round(seconds * SAMPLE_RATE))
            for start in range(0, len(wave), 1024):
                block = wave[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
                file.mux(heard.encode(frame))
            file.mux(heard.encode(None))
    return path

"""When a clip's frames are seen, and what each hears.

Frame k is seen at k / fps seconds and hears the 0.975 s from there on (`avs.audio`), as frames at one a second do.
Where that window lies in two seconds, what sounds in the larger part of it is what is to be segmented. The last
frame is the last whose window ends within the clip (`avs.sound.frames_in`).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avs.sound import EXAMPLE_SAMPLES, SAMPLE_RATE

Floats = NDArray[np.float32]


class Timed(Protocol):
    """A spec of clips. ``length``: frames of a clip."""

    @property
    def fps(self) -> int: ...

    @property
    def length(self) -> int: ...


def times(spec: Timed) -> Floats:
    """[N] seconds at which a clip's frames are seen."""
    return np.arange(spec.length, dtype=np.float32) / np.float32(spec.fps)


def heard(spec: Timed) -> NDArray[np.int64]:
    """[N]: the second that each frame's window lies in, with its larger part."""
    return np.floor(times(spec) + np.float32(0.5 * EXAMPLE_SAMPLES / SAMPLE_RATE)).astype(np.int64)


def windows(spec: Timed, wave: Floats) -> Floats:
    """One wave of the whole clip -> [N, 15600], the window of each frame."""
    starts = np.round(times(spec) * SAMPLE_RATE).astype(np.int64)
    return np.stack([wave[start : start + EXAMPLE_SAMPLES] for start in starts])

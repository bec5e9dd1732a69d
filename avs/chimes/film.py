"""A scene at a frame rate: the same objects on the same ways, seen ``fps`` times a second, heard in a sliding window.

Frame k is seen at k / fps seconds and hears the 0.975 s from there on (`avs.audio`), as frames at one a second do.
Where that window lies in two seconds, what sounds in the larger part of it is what is to be segmented. The last
frame is the last whose window ends within the clip.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avs.chimes.scene import Scene
from avs.chimes.shapes import Array
from avs.chimes.spec import ChimesSpec
from avs.sound import EXAMPLE_SAMPLES, SAMPLE_RATE


def times(spec: ChimesSpec) -> Array:
    """[N] seconds at which a clip's frames are seen."""
    return np.arange(spec.length, dtype=np.float32) / np.float32(spec.fps)


def heard(spec: ChimesSpec) -> NDArray[np.int64]:
    """[N]: the second that each frame's window lies in, with its larger part."""
    return np.floor(times(spec) + np.float32(0.5 * EXAMPLE_SAMPLES / SAMPLE_RATE)).astype(np.int64)


def at_frames(spec: ChimesSpec, scene: Scene) -> Scene:
    """[N, ...] instead of [seconds, ...]: straight on from second to second."""
    second = times(spec)
    before = np.minimum(second.astype(np.int64), spec.frames - 1)
    after, share = np.minimum(before + 1, spec.frames - 1), second - before

    def moved(x: Array) -> Array:
        along = share.reshape(-1, *(1 for _ in x.shape[1:]))
        return (x[before] + (x[after] - x[before]) * along).astype(np.float32)

    return replace(scene, centre=moved(scene.centre), angle=moved(scene.angle), sounding=scene.sounding[heard(spec)])


def windows(spec: ChimesSpec, wave: Array) -> Array:
    """One wave of the whole clip -> [N, 15600], the window of each frame."""
    starts = np.round(times(spec) * SAMPLE_RATE).astype(np.int64)
    return np.stack([wave[start : start + EXAMPLE_SAMPLES] for start in starts])

"""A scene at a frame rate: the same objects on the same ways, seen ``fps`` times a second (`avs.frame_times`)."""

from dataclasses import replace

import numpy as np

from avs.chimes.scene import Scene
from avs.chimes.shapes import Array
from avs.chimes.spec import ChimesSpec
from avs.frame_times import heard, times


def at_frames(spec: ChimesSpec, scene: Scene) -> Scene:
    """[N, ...] instead of [seconds, ...]: straight on from second to second."""
    second = times(spec)
    before = np.minimum(second.astype(np.int64), spec.frames - 1)
    after, share = np.minimum(before + 1, spec.frames - 1), second - before

    def moved(x: Array) -> Array:
        along = share.reshape(-1, *(1 for _ in x.shape[1:]))
        return (x[before] + (x[after] - x[before]) * along).astype(np.float32)

    return replace(scene, centre=moved(scene.centre), angle=moved(scene.angle), sounding=scene.sounding[heard(spec)])

"""Pictures and sounds of a scene: frames uint8 [F, 3, H, W] and one wave per second [F, 15600].

Seconds are synthesised one by one. At one frame a second each is exactly as long as one log-mel example, so no sound
leaks into the next one.
"""

from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from avs.chimes.kinds import KINDS
from avs.chimes.scene import Scene, grid, local
from avs.chimes.shapes import Array
from avs.chimes.spec import ChimesSpec
from avs.chimes.timbres import cut, noise
from avs.sound import EXAMPLE_SAMPLES

LUMPS = 6


@cache
def stretch(size: int) -> Array:
    """[size, LUMPS]: linear interpolation of LUMPS knots along one axis."""
    place = np.linspace(0, LUMPS - 1, size, dtype=np.float32)[:, None]
    return np.maximum(0, 1 - np.abs(place - np.arange(LUMPS, dtype=np.float32)))


def background(spec: ChimesSpec, random: Generator) -> Array:
    """[3, H, W]: a gradient, soft lumps and a few strokes, the same in all frames."""
    x, y = grid(spec.size)
    a, b = random.uniform(0.15, 0.85, (2, 3, 1, 1)).astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    slope = 0.5 + (x - 0.5) * np.float32(np.cos(angle)) + (y - 0.5) * np.float32(np.sin(angle))
    knots = random.normal(0, 0.14 * spec.clutter, (3, LUMPS, LUMPS)).astype(np.float32)
    canvas = a + (b - a) * slope + stretch(spec.size) @ knots @ stretch(spec.size).T
    for _ in range(round(spec.clutter * random.integers(2, 6))):
        stroke(canvas, x, y, random)
    return canvas


def stroke(canvas: Array, x: Array, y: Array, random: Generator) -> None:
    """A straight line of a free colour, 0.2 to 0.5 long and 1 to 3 pixels wide."""
    (px, py), angle = random.uniform(0, 1, 2), random.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = np.abs((x - np.float32(px)) * cos + (y - np.float32(py)) * sin)
    across = np.abs((y - np.float32(py)) * cos - (x - np.float32(px)) * sin)
    line = (along < random.uniform(0.1, 0.25)) & (across < random.uniform(0.01, 0.024))
    canvas[:, line] = random.uniform(0, 1, (3, 1))


def render_frames(spec: ChimesSpec, scene: Scene, slots: NDArray[np.uint8], random: Generator) -> NDArray[np.uint8]:
    """[F, 3, H, W]. Noise of the pixels lies over objects and background alike."""
    canvas = np.repeat(background(spec, random)[None], len(slots), 0).transpose(0, 2, 3, 1)
    canvas = np.ascontiguousarray(canvas)
    for k, label in enumerate(scene.classes):
        seen = slots == k + 1
        u, v = local(scene, k, spec.size)
        mix = KINDS[label].texture(u[seen], v[seen], float(scene.pitch[k]))[:, None]
        canvas[seen] = scene.colours[k, 0] + (scene.colours[k, 1] - scene.colours[k, 0]) * mix
    grain = cut(noise(), random, canvas.size) if spec.fps == 1 else fresh(len(slots), canvas[0].size, random)
    canvas += np.float32(0.04 * spec.clutter * random.uniform(0.5, 1)) * grain.reshape(canvas.shape)
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(0, 3, 1, 2)


def fresh(frames: int, size: int, random: Generator) -> Array:
    """[frames, size]: a film is longer than the recording of noise, so each frame is cut from another place."""
    return np.stack([cut(noise(), random, size) for _ in range(frames)])


def render_wave(scene: Scene, random: Generator, samples: int = EXAMPLE_SAMPLES) -> Array:
    """[F, samples] in -1..1, a second a row: timbres of what sounds at random gains and onsets, over faint noise."""
    frames, count = scene.sounding.shape
    waves = np.empty((frames, samples), np.float32)
    for f in range(frames):
        floor = 10 ** random.uniform(-3, -2)
        waves[f] = np.float32(floor) * cut(noise(), random, samples)
        for k in range(count):
            if scene.sounding[f, k]:
                onset = int(random.uniform(0, 0.25) * samples)
                gain = np.float32(random.uniform(0.06, 0.18))
                waves[f, onset:] += gain * KINDS[scene.classes[k]].timbre(random, samples - onset)
    return np.clip(waves, -1, 1)

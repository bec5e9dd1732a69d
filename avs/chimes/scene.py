"""A scene: what is in one clip, where it moves and what sounds when. Numbers only, nothing is drawn here.

Whether an object sounds is drawn after, and independently of, everything that can be seen of it. Every object
stays visible in every frame and fewer objects sound than there are, so a silent object is always in view.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from avs.chimes.kinds import KINDS
from avs.chimes.shapes import Array
from avs.chimes.spec import SLOTS, ChimesSpec

MIN_VISIBLE = 0.45  # of an object's own area, in every frame
ATTEMPTS = 200


@dataclass(frozen=True, kw_only=True)
class Scene:
    """K objects; a later one is in front. Lengths in units of the image's side."""

    classes: NDArray[np.int64]  # [K]
    radius: Array  # [K]
    centre: Array  # [F, K, 2]: x, y
    angle: Array  # [F, K] radians
    pitch: Array  # [K] of the texture
    colours: Array  # [K, 2, 3] 0..1
    sounding: NDArray[np.bool_]  # [F, K]


def grid(size: int) -> tuple[Array, Array]:
    """x [1, W] and y [H, 1] of the pixel centres."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    return axis[None, :], axis[:, None]


def local(scene: Scene, k: int, size: int) -> tuple[Array, Array]:
    """(u, v), each [F, H, W]: the pixels in the coordinates of object k."""
    x, y = grid(size)
    centre, angle = scene.centre[:, k, :, None, None], scene.angle[:, k, None, None]
    dx, dy = (x - centre[:, 0]) / scene.radius[k], (y - centre[:, 1]) / scene.radius[k]
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * dx + sin * dy, cos * dy - sin * dx


def slot_map(scene: Scene, size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(slots [F, H, W]: 0 or 1 + the object in front, area [F, K] of each object if nothing hid it)."""
    frames, count = scene.sounding.shape
    slots = np.zeros((frames, size, size), np.uint8)
    area = np.zeros((frames, count), np.int64)
    for k in range(count):
        inside = KINDS[scene.classes[k]].shape(*local(scene, k, size))
        area[:, k] = inside.sum((1, 2))
        slots[inside] = k + 1
    return slots, area


def visible_area(slots: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """[F, K] pixels of each object that can be seen."""
    return np.stack([(slots == k + 1).sum((1, 2)) for k in range(count)], 1)


def min_pixels(spec: ChimesSpec) -> int:
    """The least number of pixels that is seen of any object in any frame."""
    return max(12, int(0.6 * (spec.min_radius * spec.size) ** 2))


def draw_sounding(spec: ChimesSpec, count: int, random: Generator) -> NDArray[np.bool_]:
    """[F, K]: 1 of 2 objects, or 1 or 2 of 3, drawn anew each second; one object all through in s4."""
    if spec.variant == "s4":
        return np.tile(np.arange(count) == random.integers(count), (spec.frames, 1))
    rank = random.permuted(np.tile(np.arange(count), (spec.frames, 1)), axis=1)
    return rank < random.integers(1, count, size=(spec.frames, 1))


def propose(spec: ChimesSpec, random: Generator) -> Scene:
    """Objects near the centres of different quadrants, drifting straight, turning slowly."""
    count = int(random.integers(2, SLOTS + 1))
    quadrant = random.permutation(4)[:count]
    middle = np.stack([quadrant % 2, quadrant // 2], 1) * 0.46 + 0.27 + random.uniform(-0.06, 0.06, (count, 2))
    direction, speed = random.uniform(0, 2 * np.pi, count), random.uniform(0.01, 0.04, count)
    drift = np.stack([np.cos(direction), np.sin(direction)], 1) * speed[:, None]
    second = np.arange(spec.frames) - (spec.frames - 1) / 2
    centre = np.clip(middle + second[:, None, None] * drift, 0.12, 0.88)
    turn = random.uniform(0, 2 * np.pi, count) + second[:, None] * random.uniform(-0.2, 0.2, count)
    first = random.uniform(0, 1, (count, 1, 3))
    # Half a turn away on each colour axis: the two colours of a texture always differ.
    colours = np.concatenate([first, np.mod(first + 0.5 + random.uniform(-0.12, 0.12, first.shape), 1)], 1)
    return Scene(
        classes=random.permutation(spec.classes)[:count],
        radius=random.uniform(spec.min_radius, spec.max_radius, count).astype(np.float32),
        centre=centre.astype(np.float32),
        angle=turn.astype(np.float32),
        pitch=random.uniform(0.9, 1.1, count).astype(np.float32),
        colours=colours.astype(np.float32),
        sounding=draw_sounding(spec, count, random),
    )


def draw_scene(spec: ChimesSpec, random: Generator) -> tuple[Scene, NDArray[np.uint8]]:
    """The first proposal in which every object is seen well in every frame, and its slot map [F, H, W]."""
    for _ in range(ATTEMPTS):
        scene = propose(spec, random)
        slots, area = slot_map(scene, spec.size)
        seen = visible_area(slots, len(scene.classes))
        if (seen >= MIN_VISIBLE * area).all() and seen.min() >= min_pixels(spec):
            return scene, slots
    raise RuntimeError(f"chimes: no layout with every object visible in {ATTEMPTS} attempts for {spec}")

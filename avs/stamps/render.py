"""A scene as pictures and exact masks. What was pasted should not show by how it was pasted: its edge is blended, it
throws a shadow, light and noise lie over all, and the whole picture went through JPEG.

A pixel belongs to the frontmost object that covers at least half of it.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from avs.frame_times import Floats
from avs.stamps.scene import Actor, Scene

Bytes = NDArray[np.uint8]
Box = tuple[slice, slice]

HALF = 128
BLACK = (0, 0, 0)
LARGEST = 1.1  # a cut-out is hardly ever enlarged
EDGE = 0.6  # pixels that its edge is blended over
SHADOW, BELOW, SOFT = 0.35, 0.03, 0.02  # strength; offset and blur in sides of the picture
FAINTER = [round(SHADOW * level) for level in range(256)]


def at_size(cut: Bytes, actor: Actor, size: int) -> Image.Image:
    """The cut-out, as large as it is seen at most, in its tone. (Pillow weighs colours with alpha when it resizes.)"""
    picture = Image.fromarray(cut, "RGBA")
    if actor.flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = min(float(actor.scale.max()) * size / max(picture.size), LARGEST)
    sides = [max(3, round(side * scale)) for side in picture.size]
    picture = picture.resize((sides[0], sides[1]), Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    pixels = np.array(picture)
    colours = pixels[..., :3] * actor.tone[0] + actor.tone[1] * 128
    pixels[..., :3] = np.round(np.clip(colours, 0, 255))
    return Image.fromarray(pixels, "RGBA")


def around(picture: Image.Image, actor: Actor, frame: int, size: int) -> Box:
    """The part of the picture that an object and its shadow may cover."""
    reach = np.hypot(picture.width, picture.height) / 2 * actor.scale[frame] / actor.scale.max() + 3 * EDGE
    row, column = actor.centre[frame] * size
    below = (BELOW + 2 * SOFT) * size
    ends = (row - reach, row + reach + below, column - reach, column + reach)
    top, bottom, left, right = (min(max(round(float(x)), 0), size) for x in ends)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def placed(picture: Image.Image, actor: Actor, frame: int, size: int, box: Box) -> Image.Image:
    """As large as the box: turned, scaled and moved to where it is in a frame."""
    scale = float(actor.scale[frame] / actor.scale.max())
    angle = np.deg2rad(float(actor.angle[frame]))
    rows, columns = box
    row, column = actor.centre[frame] * size - (rows.start, columns.start)
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    x0, y0 = picture.width / 2, picture.height / 2
    matrix = (c, s, x0 - c * column - s * row, -s, c, y0 + s * column - c * row)
    sides = (columns.stop - columns.start, rows.stop - rows.start)
    return picture.transform(sides, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def backdrop(photograph: Bytes, scene: Scene, frame: int, size: int) -> Image.Image:
    height, width = photograph.shape[:2]
    side = scene.zoom * min(height, width)
    top, left = scene.pan[frame] * (np.array([height, width]) - side)
    return Image.fromarray(photograph).resize(
        (size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side), reducing_gap=2
    )


def shade(scene: Scene, size: int) -> Floats:
    """[size, size, 3]: light from one side."""
    along = np.linspace(-1, 1, size, dtype=np.float32)
    slope = scene.light[0] * along[:, None] + scene.light[1] * along
    return np.repeat((1 + scene.light[2] * slope)[..., None], 3, -1)


def _shadow(alpha: Image.Image, size: int) -> Image.Image:
    down = max(1, round(BELOW * size))
    moved = alpha.crop((0, -down, alpha.width, alpha.height - down))
    return moved.filter(ImageFilter.BoxBlur(SOFT * size)).point(FAINTER)


def _blended(alpha: Image.Image) -> Image.Image:
    """Never more than there is: outside it has no colour."""
    return ImageChops.darker(alpha, alpha.filter(ImageFilter.GaussianBlur(EDGE)))


def slots_of(scene: Scene, alphas: list[Image.Image], frame: int, size: int) -> Bytes:
    """[size, size]: 0, or 1 + the place of the actor seen there. ``alphas``: of the cut-outs."""
    slots = np.zeros((size, size), np.uint8)
    for place, (actor, alpha) in enumerate(zip(scene.actors, alphas, strict=True)):
        box = around(alpha, actor, frame, size)
        slots[box][np.asarray(placed(alpha, actor, frame, size, box)) >= HALF] = place + 1
    return slots


def frame_of(scene: Scene, cuts: list[Image.Image], photograph: Bytes, frame: int, size: int) -> Image.Image:
    """[size, size, 3], as it is before the camera."""
    picture = backdrop(photograph, scene, frame, size)
    for actor, cut in zip(scene.actors, cuts, strict=True):
        rows, columns = box = around(cut, actor, frame, size)
        own, corner = placed(cut, actor, frame, size, box), (columns.start, rows.start)
        alpha = own.getchannel("A")
        picture.paste(BLACK, (*corner, columns.stop, rows.stop), _shadow(alpha, size))
        picture.paste(own, corner, _blended(alpha))
    return picture


def camera(picture: Image.Image, scene: Scene, light: Floats, random: Generator) -> Bytes:
    """Light, noise, JPEG: [size, size, 3] bytes."""
    exposed = random.standard_normal(light.shape, np.float32)
    exposed *= np.float32(scene.noise)
    exposed += np.asarray(picture) * light
    content = io.BytesIO()
    Image.fromarray(np.clip(exposed, 0, 255, out=exposed).astype(np.uint8)).save(content, "JPEG", quality=scene.quality)
    return np.asarray(Image.open(content))

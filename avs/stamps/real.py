"""`real`: photographs as they were taken, each with its own recording, neither of them ever trained on.

They are few, and each is shown again and again through another slowly moving window, so a score on them says little of
other photographs. All animals of a picture are what sounds.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image

from avs.frame_times import times
from avs.stamps.library import Library
from avs.stamps.pools import Pool
from avs.stamps.render import HALF, Bytes, backdrop
from avs.stamps.scene import Actor, Scene, spans
from avs.stamps.sources import Item, classes
from avs.stamps.spec import StampsSpec

ZOOM, WAY = (0.8, 1.0), 0.06  # of the shorter side; of the way across, a second


def draw(spec: StampsSpec, pool: Pool, index: int, random: Generator) -> Scene:
    """The photographs take turns."""
    label = pool.sounding[index % len(pool.sounding)]
    photograph, start = pool.images[label][0], random.uniform(0.1, 0.9, 2)
    still = np.zeros(spec.length, np.float32)
    actor = Actor(
        item=photograph,
        label=classes().index(label),
        centre=np.stack([still, still], 1),
        angle=still,
        scale=still,
        flip=False,
        tone=np.zeros((2, 3), np.float32),
        sounds=spans(spec, random),
        recording=pool.sounds[label][0],
        begins=float(random.random()),
        speed=1.0,
    )
    way = times(spec)[:, None] * random.uniform(-WAY, WAY, 2)
    return Scene(
        background=photograph,
        zoom=float(random.uniform(*ZOOM)),
        pan=np.clip(start + way, 0, 1).astype(np.float32),
        light=np.zeros(3, np.float32),
        actors=(actor,),
        noise=0.0,
        quality=0,
    )


def _parts(photograph: Item, library: Library) -> tuple[Bytes, Bytes]:
    """Colours [H, W, 3], and where the animals are [H, W]."""
    whole = library[photograph]
    return np.ascontiguousarray(whole[..., :3]), np.ascontiguousarray(whole[..., 3])


def slots_of(scene: Scene, library: Library, frame: int, size: int) -> Bytes:
    _, alpha = _parts(scene.background, library)
    return (np.asarray(backdrop(alpha, scene, frame, size)) >= HALF).astype(np.uint8)


def picture_of(scene: Scene, library: Library, frame: int, size: int) -> Image.Image:
    colours, _ = _parts(scene.background, library)
    return backdrop(colours, scene, frame, size)

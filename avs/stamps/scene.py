"""What happens in a clip: who is in it, where, when each sounds, under which light. Drawn from one random stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from avs.frame_times import Floats, times
from avs.stamps.pools import Pool
from avs.stamps.sources import Item, classes
from avs.stamps.spec import StampsSpec

LONGER_SIDE = (0.32, 0.6)  # of the picture
DRIFT = 0.05  # of the picture's side, a second
TURN, TURNING, GROWTH = 12.0, 4.0, 0.05  # degrees at first, degrees a second, share a second
LIGHT, CONTRAST, COLOUR = 0.15, 0.15, 0.06


@dataclass(frozen=True)
class Actor:
    """``centre`` [F, 2] in sides of the picture (row, column), ``angle`` [F] in degrees, ``scale`` [F]: the longer side
    of its box, in sides of the picture; ``tone`` [2, 3]: gain and shift of each colour. ``sounds`` [seconds]: when.
    ``begins``: how far in its recording, ``speed``: how fast that is played."""

    item: Item
    label: int
    centre: Floats
    angle: Floats
    scale: Floats
    flip: bool
    tone: Floats
    sounds: NDArray[np.bool_]
    recording: Item | None
    begins: float
    speed: float


@dataclass(frozen=True)
class Scene:
    """``pan`` [F, 2]: where the background's window lies, 0 to 1 of what there is; ``zoom``: of that window; ``light``
    [3]: direction (row, column) and strength; actors from the back to the front."""

    background: Item
    zoom: float
    pan: Floats
    light: Floats
    actors: tuple[Actor, ...]
    noise: float
    quality: int


def spans(spec: StampsSpec, random: Generator) -> NDArray[np.bool_]:
    """Some seconds in a row; in s4 all."""
    if spec.variant == "s4":
        return np.ones(spec.seconds, bool)
    sounds = np.zeros(spec.seconds, bool)
    length = int(random.integers(min(2, spec.seconds), spec.seconds + 1))
    start = int(random.integers(0, spec.seconds - length + 1))
    sounds[start : start + length] = True
    return sounds


def _cast(spec: StampsSpec, pool: Pool, random: Generator) -> list[tuple[str, bool]]:
    """(class, whether it sounds), no class twice: a sound would then not say which of them it is. Who is silent could
    sound as well, in another clip of the same split."""
    several = spec.variant != "s4" and random.random() < 0.5
    loud, silent = 1 + several, int(random.integers(1, 3))
    singers = [str(x) for x in random.choice(pool.sounding, loud, replace=False)]
    others = [label for label in pool.sounding if label not in singers]
    return [(x, True) for x in singers] + [(str(x), False) for x in random.choice(others, silent, replace=False)]


def _actor(spec: StampsSpec, pool: Pool, label: str, loud: bool, random: Generator) -> Actor:
    t = times(spec)
    images, sounds = pool.images[label], pool.sounds.get(label, ())
    start = random.uniform(0.2, 0.8, 2).astype(np.float32)
    speed = random.uniform(-DRIFT, DRIFT, 2).astype(np.float32)
    turn, turning = random.uniform(-TURN, TURN), random.uniform(-TURNING, TURNING)
    size, growth = random.uniform(*LONGER_SIDE), random.uniform(-GROWTH, GROWTH)
    when = spans(spec, random)
    gain = 1 + random.uniform(-CONTRAST, CONTRAST) + random.uniform(-COLOUR, COLOUR, 3)
    return Actor(
        item=images[int(random.integers(len(images)))],
        label=classes().index(label),
        centre=np.clip(start + t[:, None] * speed, 0.1, 0.9).astype(np.float32),
        angle=(turn + turning * t).astype(np.float32),
        scale=(size * (1 + growth * t)).astype(np.float32),
        flip=bool(random.random() < 0.5),
        tone=np.stack([gain, np.full(3, random.uniform(-LIGHT, LIGHT))]).astype(np.float32),
        sounds=when if loud else np.zeros(spec.seconds, bool),
        recording=sounds[int(random.integers(len(sounds)))] if loud else None,
        begins=float(random.random()),
        speed=float(2 ** random.uniform(-pool.speeds, pool.speeds)),
    )


def draw(spec: StampsSpec, pool: Pool, random: Generator) -> Scene:
    actors = [_actor(spec, pool, label, loud, random) for label, loud in _cast(spec, pool, random)]
    random.shuffle(actors)  # type: ignore[arg-type]
    start, way = random.uniform(0.1, 0.9, 2), random.uniform(-0.03, 0.03, 2)
    return Scene(
        background=pool.backgrounds[int(random.integers(len(pool.backgrounds)))],
        zoom=float(random.uniform(0.5, 0.95)),
        pan=np.clip(start + times(spec)[:, None] * way, 0, 1).astype(np.float32),
        light=np.array([*random.uniform(-1, 1, 2), random.uniform(0, 0.25)], np.float32),
        actors=tuple(actors),
        noise=float(random.uniform(1, 5)),
        quality=int(random.integers(70, 96)),
    )

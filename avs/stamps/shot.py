"""One clip before anything of it is rendered: a scene in which all can be seen. Any frame of it can be had by itself.

All of it is a function of (seed, split, kind, index, spec) and the catalogue alone: the scene is drawn from one random
stream, its voices from a second, and the noise of each frame from a stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray
from PIL import Image

from avs.frame_times import Floats, heard, windows
from avs.stamps import real
from avs.stamps.library import Library
from avs.stamps.pools import pool
from avs.stamps.render import Bytes, at_size, camera, frame_of, shade, slots_of
from avs.stamps.scene import Scene, draw
from avs.stamps.spec import KINDS, REAL, SLOTS, SPLITS, StampsSpec
from avs.stamps.waves import wave_of

LEAST = 0.01  # of the picture, of an object that sounds
TRIES = 40
SCENE, VOICES, NOISE = (), (0,), (1,)  # random streams


@dataclass(frozen=True, eq=False)
class Shot:
    """``slots`` [F, S, S]: 0, or 1 + the place of the actor seen there; ``number``: what all of it is drawn from;
    ``cuts``: what is pasted, nothing in a real photograph."""

    spec: StampsSpec
    number: tuple[int, ...]
    scene: Scene
    cuts: list[Image.Image]
    slots: Bytes

    @property
    def classes(self) -> NDArray[np.int64]:
        """[K], -1: nobody."""
        labels = [actor.label for actor in self.scene.actors]
        return np.array(labels + [-1] * (SLOTS - len(labels)), np.int64)

    @property
    def sounding(self) -> NDArray[np.bool_]:
        """[F, K]."""
        loud = np.stack([actor.sounds[heard(self.spec)] for actor in self.scene.actors], 1)
        return np.pad(loud, ((0, 0), (0, SLOTS - loud.shape[1])))

    def mask(self, frame: int) -> Bytes:
        """[S, S]: 1, or 1 + the class in a semantic clip, where what sounds is seen."""
        values = np.zeros(SLOTS + 1, np.uint8)
        label = self.classes + 1 if self.spec.variant == "semantic" else 1
        values[1:] = self.sounding[frame] * label
        return values[self.slots[frame]]

    def picture(self, frame: int, library: Library) -> Bytes:
        """[S, S, 3]."""
        if not self.cuts:
            return np.asarray(real.picture_of(self.scene, library, frame, self.spec.size))
        picture = frame_of(self.scene, self.cuts, library[self.scene.background], frame, self.spec.size)
        return camera(picture, self.scene, self.light, _random(self.number, (*NOISE, frame)))

    @cached_property
    def light(self) -> Floats:
        return shade(self.scene, self.spec.size)

    def wave(self, library: Library) -> Floats:
        """[seconds * 16000]."""
        recording: Any = library.__getitem__
        return wave_of(self.scene, recording, _random(self.number, VOICES))

    def windows(self, library: Library) -> Floats:
        """[F, 15600]: what each frame hears."""
        return windows(self.spec, self.wave(library))


def _random(number: tuple[int, ...], stream: tuple[int, ...]) -> Generator:
    return default_rng(SeedSequence(number, spawn_key=stream))


def _number(spec: StampsSpec, split: str, index: int) -> tuple[int, ...]:
    kind = KINDS.index(spec.kind) if split == "test" else 0
    return (spec.seed, SPLITS.index(split), kind, index)


def _visible(scene: Scene, slots: Bytes, spec: StampsSpec) -> bool:
    """Can every object be seen, and one that sounds well enough, whenever it does?"""
    second = heard(spec)
    for place, actor in enumerate(scene.actors):
        area = (slots == place + 1).mean((1, 2))
        if (area[actor.sounds[second]] < LEAST).any() or area.max() < LEAST / 2:
            return False
    return True


def shot(spec: StampsSpec, split: str, index: int, library: Library) -> Shot:
    number = _number(spec, split, index)
    random, own, size = _random(number, SCENE), pool(split, spec.kind), spec.size
    for _ in range(TRIES):
        cuts: list[Image.Image] = []
        if split == "test" and spec.kind == REAL:
            scene = real.draw(spec, own, index, random)
            slots = np.stack([real.slots_of(scene, library, k, size) for k in range(spec.length)])
        else:
            scene = draw(spec, own, random)
            cuts = [at_size(library[actor.item], actor, size) for actor in scene.actors]
            alphas = [cut.getchannel("A") for cut in cuts]
            slots = np.stack([slots_of(scene, alphas, k, size) for k in range(spec.length)])
        if _visible(scene, slots, spec):
            return Shot(spec, number, scene, cuts, slots)
    raise ValueError(f"no scene of {TRIES} showed what sounds in it; size {spec.size} may be too small")

"""What a scene sounds like: each recording again and again with pauses while its object sounds, and a little noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from avs.frame_times import Floats
from avs.sound import SAMPLE_RATE
from avs.stamps.scene import Actor, Scene
from avs.stamps.sources import Item

FADE, PAUSE, FLOOR = 0.01, (0.05, 0.4), 1e-3  # seconds; seconds at least and at most; of the noise
LOUDER = (0.6, 1.2)


def repeated(wave: Floats, samples: int, begins: float, random: Generator) -> Floats:
    """From somewhere in it on, again and again."""
    parts, total = [wave[int(begins * 0.5 * len(wave)) :]], 0
    total += len(parts[0])
    while total < samples:
        pause = np.zeros(int(random.uniform(*PAUSE) * SAMPLE_RATE), np.float32)
        parts += [pause, wave]
        total += len(pause) + len(wave)
    return np.concatenate(parts)[:samples]


def played(wave: Floats, speed: float) -> Floats:
    """Faster and higher, or slower and lower."""
    if speed == 1:
        return wave
    places = np.arange(int(len(wave) / speed)) * speed
    return np.interp(places, np.arange(len(wave)), wave).astype(np.float32)


def _faded(wave: Floats) -> Floats:
    length = min(int(FADE * SAMPLE_RATE), len(wave) // 2)
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    wave = wave.copy()
    wave[:length] *= ramp
    wave[len(wave) - length :] *= ramp[::-1]
    return wave


def voice(actor: Actor, wave: Floats, random: Generator) -> Floats:
    """[seconds * 16000] of one object."""
    whole = np.zeros(len(actor.sounds) * SAMPLE_RATE, np.float32)
    seconds = np.flatnonzero(actor.sounds)
    if len(seconds):
        start, stop = seconds[0] * SAMPLE_RATE, (seconds[-1] + 1) * SAMPLE_RATE
        whole[start:stop] = _faded(repeated(played(wave, actor.speed), stop - start, actor.begins, random))
    return whole * np.float32(random.uniform(*LOUDER))


def wave_of(scene: Scene, recording: Callable[[Item], Floats], random: Generator) -> Floats:
    """[seconds * 16000], within -1 to 1."""
    samples = len(scene.actors[0].sounds) * SAMPLE_RATE
    total = random.standard_normal(samples, np.float32) * np.float32(FLOOR * random.uniform(0.3, 3))
    for actor in scene.actors:
        if actor.recording is not None:
            total += voice(actor, recording(actor.recording), random)
    return np.clip(total, -1, 1)

"""Seeded generation and the cache of whole splits.

Clip i of a split is a function of (seed, split, i, spec) alone: each has its own random stream, spawned by
numpy's SeedSequence from those numbers, so it depends neither on the order nor on how many clips are made.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator, SeedSequence, default_rng

from avs.audio import log_mel
from avs.chimes.film import at_frames
from avs.chimes.render import render_frames, render_wave
from avs.chimes.scene import draw_scene, slot_map
from avs.chimes.shapes import Array
from avs.chimes.spec import SLOTS, SPLITS, ChimesSpec
from avs.clip import Clips
from avs.clip_file import kept
from avs.frame_times import windows
from avs.sound import SAMPLE_RATE

VERSION = 1


def _random(spec: ChimesSpec, split: str, index: int) -> Generator:
    if split not in SPLITS:
        raise ValueError(f"chimes split: found {split!r}, expected one of {', '.join(SPLITS)}")
    return default_rng(SeedSequence((spec.seed, SPLITS.index(split), index)))


def waveform(spec: ChimesSpec, split: str, index: int) -> Array:
    """The sound of one clip at 16 kHz, for listening to it: [F, 15600], or at a frame rate [samples] as one wave."""
    return _one(spec, split, index)[1]


def _one(spec: ChimesSpec, split: str, index: int) -> tuple[dict[str, Any], Array]:
    random = _random(spec, split, index)
    drawn, slots = draw_scene(spec, random)
    scene = drawn
    if spec.fps > 1:
        scene = at_frames(spec, drawn)
        slots, _ = slot_map(scene, spec.size)
    count, length = len(scene.classes), spec.length
    loud = np.zeros((length, SLOTS + 1), np.uint8)  # value of the mask by slot map
    label = scene.classes + 1 if spec.variant == "semantic" else np.ones(count, np.int64)
    loud[:, 1 : count + 1] = scene.sounding * label
    labelled = np.arange(length) < (1 if spec.variant == "s4" and split == "train" else length)
    row = {
        "frames": render_frames(spec, scene, slots, random),
        "masks": np.take_along_axis(loud, slots.reshape(length, -1).astype(np.int64), 1).reshape(slots.shape),
        "labelled": labelled,
        "valid": np.ones(length, bool),
        "slots": slots,
        "classes": np.concatenate([scene.classes, np.full(SLOTS - count, -1)]).astype(np.int64),
        "sounding": np.pad(scene.sounding, ((0, 0), (0, SLOTS - count))),
    }
    if spec.fps == 1:
        return row, render_wave(drawn, random)
    return row, render_wave(drawn, random, SAMPLE_RATE).reshape(-1)


def generate(spec: ChimesSpec, split: str, count: int, first: int = 0) -> Clips:
    """Clips `first` to `first + count - 1` of a split."""
    if count < 1 or first < 0:
        raise ValueError(f"chimes: found count={count}, first={first}, expected at least one clip from 0 on")

    def rows() -> Iterator[dict[str, Any]]:
        for index in range(first, first + count):
            row, wave = _one(spec, split, index)
            # One clip at a time: a larger matrix product may round differently, by what else is in it.
            yield row | {"logmel": log_mel(torch.from_numpy(wave if spec.fps == 1 else windows(spec, wave)))[:, 0]}

    return Clips.of_rows(rows(), count)


def cache_path(spec: ChimesSpec, split: str, count: int, cache: Path) -> Path:
    key = json.dumps({"spec": asdict(spec), "split": split, "count": count, "version": VERSION}, sort_keys=True)
    return cache / f"chimes-{spec.variant}-{split}-{count}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pt"


def load(spec: ChimesSpec, split: str, count: int, cache: Path | None = None) -> Clips:
    """The first `count` clips of a split, made once and kept in the folder `cache` (None: not kept)."""
    if cache is None:
        return generate(spec, split, count)
    return kept(cache_path(spec, split, count, cache), lambda: generate(spec, split, count))

"""chimes at a frame rate: the same scene between the seconds, fresh noise in every frame, sound that slides."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from avs.audio import log_mel
from avs.chimes import ChimesSpec, generate, waveform
from avs.frame_times import heard
from avs.sound import EXAMPLE_SAMPLES, SAMPLE_RATE

SPEC = ChimesSpec(fps=5, seed=2)
FROZEN = "3a78afc6b85f7617"  # of clips made before there was a rate


def test_one_frame_a_second_is_what_it_was():
    clips = generate(ChimesSpec(seed=3), "train", 2)
    content = clips.frames.numpy().tobytes() + clips.masks.numpy().tobytes() + clips.slots.numpy().tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == FROZEN


def test_at_whole_seconds_the_same_is_seen():
    still, film = generate(ChimesSpec(seed=2), "test", 2), generate(SPEC, "test", 2)
    assert film.frames_per_clip == SPEC.length == 21
    assert torch.equal(film.slots[:, ::5], still.slots)
    assert torch.equal(film.masks[:, ::5], still.masks)
    assert torch.equal(film.classes, still.classes) and torch.equal(film.sounding[:, ::5], still.sounding)


def test_objects_move_a_little_between_frames():
    film, still = generate(SPEC, "test", 2), generate(ChimesSpec(seed=2), "test", 2)
    per_frame = (film.slots[:, 1:] != film.slots[:, :-1]).float().mean()
    per_second = (still.slots[:, 1:] != still.slots[:, :-1]).float().mean()
    assert 0 < per_frame < 0.4 * per_second


def test_noise_is_fresh_in_every_frame():
    """Between neighbours and between any two: where nothing moves, pixels differ all the same."""
    film = generate(ChimesSpec(fps=25, frames=2), "train", 1)
    still = (film.slots[0] == 0).all(0)
    frames = film.frames[0][:, :, still].float() / 255
    for step in (1, 2, 20):
        spread = (frames[step:] - frames[:-step]).std() / 2**0.5
        assert 0.015 < spread < 0.045, f"{step} frames apart"
    assert (frames[1:] != frames[:-1]).float().mean() > 0.8


def test_the_window_slides_over_one_wave():
    film, wave = generate(SPEC, "test", 1), torch.from_numpy(waveform(SPEC, "test", 0))
    assert wave.shape == (5 * SAMPLE_RATE,)
    for k in (0, 7, 20):
        start = k * SAMPLE_RATE // 5
        assert torch.equal(film.logmel[0, k], log_mel(wave[start : start + EXAMPLE_SAMPLES])[0])
    assert start + EXAMPLE_SAMPLES <= len(wave) < start + SAMPLE_RATE // 5 + EXAMPLE_SAMPLES, "as many as fit"


def test_what_sounds_is_what_the_larger_part_of_the_window_holds():
    film, still = generate(SPEC, "test", 3), generate(ChimesSpec(seed=2), "test", 3)
    seconds = heard(SPEC)
    assert seconds.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4]
    assert torch.equal(film.sounding, still.sounding[:, torch.from_numpy(seconds)])
    assert (film.sounding[:, 1:] != film.sounding[:, :-1]).any(), "it changes in these clips"


def test_masks_follow_what_sounds():
    film = generate(SPEC, "test", 2)
    for clip in range(2):
        for k in range(SPEC.length):
            slots, loud = film.slots[clip, k].long(), torch.cat([torch.zeros(1), film.sounding[clip, k].float()])
            assert torch.equal(film.masks[clip, k] > 0, loud[slots] > 0)


@pytest.mark.parametrize("fps", [0, 61])
def test_a_rate_that_cannot_be_is_named(fps):
    with pytest.raises(ValueError, match=f"chimes.fps: found {fps}, expected 1 to 60"):
        ChimesSpec(fps=fps)


@pytest.mark.parametrize("fps", [2, 3, 7, 24, 30])
def test_odd_rates(fps):
    spec = ChimesSpec(fps=fps, frames=2)
    film = generate(spec, "val", 1)
    assert film.frames.shape[1] == spec.length and film.logmel.shape[1:] == (spec.length, 1, 96, 64)
    assert np.isfinite(film.logmel.numpy()).all()

"""Composed clips: exact masks, sounds that belong to them, and one clip for one number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avs.frame_times import heard
from avs.stamps.compose import compose, generate
from avs.stamps.composed import Composed
from avs.stamps.outlines import outlines
from avs.stamps.pools import pool
from avs.stamps.render import frame_of
from avs.stamps.shot import LEAST, shot
from avs.stamps.sources import classes
from avs.stamps.spec import REAL, StampsSpec
from avs.stamps.waves import played

SMALL = StampsSpec(size=64)


def fields(clips):
    return {name: getattr(clips, name) for name in vars(clips)}


def test_a_clip_is_a_function_of_its_number(library):
    whole = generate(SMALL, "train", 4, library)
    part = generate(SMALL, "train", 2, library, first=2)
    for name, tensor in fields(part).items():
        assert torch.equal(tensor, getattr(whole, name)[2:]), name
    other = generate(StampsSpec(size=64, seed=1), "train", 1, library)
    assert not torch.equal(other.frames, whole.frames[:1])
    assert not torch.equal(generate(SMALL, "val", 1, library).frames, whole.frames[:1])


@settings(max_examples=12)
@given(
    index=st.integers(0, 500),
    variant=st.sampled_from(("ms3", "s4", "semantic")),
    split=st.sampled_from(("train", "test")),
)
def test_masks_are_the_pixels_of_what_sounds(library, index, variant, split):
    spec = StampsSpec(size=64, variant=variant)
    row, _ = compose(spec, split, index, library)
    value = row["classes"] + 1 if variant == "semantic" else np.ones(4, int)
    wanted = np.zeros_like(row["masks"])
    for k in range(spec.length):
        for slot in range(4):
            if row["sounding"][k, slot]:
                wanted[k][row["slots"][k] == slot + 1] = value[slot]
    np.testing.assert_array_equal(row["masks"], wanted)
    there = row["classes"] >= 0
    loud = row["sounding"].any(0)
    assert 1 <= loud.sum() <= (1 if variant == "s4" else 2) and (there & ~loud).any(), "somebody is always silent"
    assert len(set(row["classes"][there])) == there.sum(), "no class twice"
    for k, slot in zip(*np.nonzero(row["sounding"]), strict=True):
        assert (row["slots"][k] == slot + 1).mean() >= LEAST
    if variant == "s4":
        assert row["sounding"][:, loud].all() and row["labelled"].sum() == (1 if split == "train" else spec.length)


def test_a_mask_lies_where_the_object_is(library):
    """Discs of one colour each on a patchwork: under the frontmost one's mask the picture has its colour."""
    for index in range(6):
        clip = shot(SMALL, "train", index, library)
        picture = frame_of(clip.scene, clip.cuts, library[clip.scene.background], 0, SMALL.size)
        actor = clip.scene.actors[-1]
        cut = library[actor.item]
        colour = cut[len(cut) // 2, cut.shape[1] // 2, :3] * actor.tone[0] + actor.tone[1] * 128
        off = np.abs(np.asarray(picture, float) - np.clip(colour, 0, 255)).mean(2)
        inside = clip.slots[0] == len(clip.scene.actors)
        assert np.median(off[inside]) < 2 < 10 < np.median(off[~inside]), actor.item.path


@pytest.mark.parametrize("variant", ["ms3", "s4"])
def test_clips_composed_when_read_are_the_kept_ones(library, variant):
    spec = StampsSpec(size=64, variant=variant)
    kept, composed = generate(spec, "train", 5, library), Composed(spec, "train", 5, library)
    assert len(composed) == 5 and composed.frames_per_clip == kept.frames_per_clip and composed.groups == kept.groups
    assert all(map(torch.equal, composed.labelled_frames(), kept.labelled_frames()))
    clips, frames = torch.tensor([3, 0, 3, 4, 0]), torch.tensor([2, 1, 0, 4, 1])
    expected, found = kept.frame_batch(clips, frames), composed.frame_batch(clips, frames)
    assert expected.keys() == found.keys() and all(torch.equal(found[name], expected[name]) for name in expected)
    assert torch.equal(composed.sounds(clips, frames), kept.sounds(clips, frames))


def test_a_faster_recording_is_shorter_and_higher():
    tone = np.sin(2 * np.pi * 400 * np.arange(16000) / 16000).astype(np.float32)
    quick = played(tone, 2**0.25)
    assert abs(len(quick) - 16000 / 2**0.25) < 2 and played(tone, 1.0) is tone
    peak = np.abs(np.fft.rfft(quick)).argmax() * 16000 / len(quick)
    assert peak == pytest.approx(400 * 2**0.25, rel=0.01)


def test_recordings_are_played_at_other_speeds_in_training_alone(library):
    for split in ("train", "val", "test"):
        speeds = {actor.speed for index in range(5) for actor in shot(SMALL, split, index, library).scene.actors}
        assert all(2**-0.4 <= speed <= 2**0.4 for speed in speeds)
        assert (len(speeds) > 5) if split == "train" else (speeds == {1.0})


def test_it_is_heard_while_it_sounds(library):
    quiet, loud = [], []
    for index in range(12):
        row, wave = compose(SMALL, "train", index, library)
        power = np.square(wave.reshape(5, 16000)).mean(1)
        active = row["sounding"].any(1)
        loud += list(power[active])
        quiet += list(power[~active])
    assert quiet and max(quiet) < 1e-4 and np.median(loud) > 1e-3


def test_a_rate_of_frames(library):
    spec = StampsSpec(size=64, fps=5, seconds=3)
    clips = generate(spec, "val", 1, library)
    assert clips.frames.shape == (1, spec.length, 3, 64, 64) and clips.logmel.shape == (1, spec.length, 1, 96, 64)
    assert spec.length == 11 and heard(spec).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    still = (clips.frames[0, 1].int() - clips.frames[0, 0].int()).abs().float().mean()
    later = (clips.frames[0, 10].int() - clips.frames[0, 0].int()).abs().float().mean()
    assert 0 < still < later, "things move"


def test_test_clips_use_what_was_held_out(library):
    for index in range(6):
        scene = shot(SMALL, "test", index, library).scene
        held = pool("test", "unseen_both").items()
        used = {scene.background} | {a.item for a in scene.actors} | {a.recording for a in scene.actors if a.recording}
        assert used <= held


def test_real_photographs_are_shown_as_they_are(library):
    """Each window of a photograph, nothing pasted; what lies in its outline is what sounds."""
    spec = StampsSpec(size=64, kind=REAL)
    for index in range(9):
        clip = shot(spec, "test", index, library)
        (actor,) = clip.scene.actors
        whole = library[actor.item]
        for k in (0, 4):
            side = clip.scene.zoom * min(whole.shape[:2])
            top, left = clip.scene.pan[k] * (np.array(whole.shape[:2]) - side)
            window = whole[round(top) : round(top + side), round(left) : round(left + side)]
            share = (window[..., 3] > 0).mean()
            assert (clip.slots[k] == 1).mean() == pytest.approx(share, abs=0.03)
            near = np.asarray(Image.fromarray(window[..., :3].copy()).resize((64, 64), Image.Resampling.BOX), float)
            assert np.abs(clip.picture(k, library) - near).mean() < 12
            assert (clip.mask(k) > 0).any() == bool(clip.sounding[k, 0])
        assert actor.recording.label == actor.item.label == classes()[actor.label]


def test_outlines_are_of_the_photographs_and_inside_them():
    assert set(outlines()) == {item.path for items in pool("test", REAL).images.values() for item in items}
    for rings in outlines().values():
        assert rings[0][0] and all(0 <= x <= 1 for _, ring in rings for point in ring for x in point)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"kind": "seen_image"}, "stamps.kind: found 'seen_image', expected one of seen"),
        ({"size": 40}, "64 to 512 pixels"),
        ({"variant": "ms4"}, "one of ms3"),
    ],
)
def test_specs_that_cannot_be(words, message):
    with pytest.raises(ValueError, match=message):
        StampsSpec(**words)

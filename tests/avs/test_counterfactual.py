"""Counterfactual lists satisfy their definitions, row by row."""

import math

import pytest
import torch

from avs.chimes import ChimesSpec, generate
from avs.counterfactual import counterfactual_clips, donors
from avs.normalise import logmel_to_grid


def heard(clips, clip, frame):
    return set(clips.classes[clip][clips.sounding[clip, frame]].tolist())


def rows(given):
    columns = (given.clip_idx, given.frame_idx, given.donor_clip, given.donor_frame)
    return zip(*(column.tolist() for column in columns), given.masks, strict=True)


def test_other_sounds_nothing_that_sounds_here(ms3):
    given = donors(ms3, "other", seed=1)
    assert len(given) == 24 * 5
    for clip, frame, donor, when, mask in rows(given):
        assert clip != donor and heard(ms3, donor, when)
        assert not heard(ms3, clip, frame) & heard(ms3, donor, when)
        assert torch.equal(mask, ms3.masks[clip, frame])


@pytest.mark.parametrize("name", ["ms3", "semantic"])
def test_swap_sounds_the_silent_visible_object_alone(name, request):
    clips = request.getfixturevalue(name)
    given = donors(clips, "swap", seed=1)
    assert len(given) == 24 * 5
    for clip, frame, donor, when, mask in rows(given):
        (label,) = heard(clips, donor, when)
        assert clip != donor and label not in heard(clips, clip, frame)
        slot = clips.classes[clip].tolist().index(label)
        seen = clips[clip].objects[frame, slot]
        assert seen.any() and torch.equal(mask, seen * (label + 1 if name == "semantic" else 1))
        assert not (mask.bool() & clips.masks[clip, frame].bool()).any()


def test_mute_is_digital_silence(ms3):
    given = donors(ms3, "mute")
    batch, rows, places = counterfactual_clips(ms3, given, torch.tensor([0]))
    assert torch.equal(batch["logmel"][places], logmel_to_grid(torch.full((len(rows), 1, 96, 64), math.log(0.01))))
    assert torch.equal(given.masks[rows], ms3.masks[0, given.frame_idx[rows]])


@pytest.mark.parametrize("kind", ["other", "swap", "mute"])
def test_batch_has_the_frames_own_picture_and_the_donors_sound(ms3, kind):
    given, chosen = donors(ms3, kind, seed=2), torch.tensor([7, 2, 11])
    batch, rows, places = counterfactual_clips(ms3, given, chosen)
    frames = ms3.frames_per_clip
    assert len(batch["image"]) == 3 * frames and set(given.clip_idx[rows].tolist()) == set(chosen.tolist())
    own = ms3.frame_batch(chosen.repeat_interleave(frames), torch.arange(frames).repeat(3))
    assert torch.equal(batch["image"], own["image"])
    listed = ms3.frame_batch(given.clip_idx[rows], given.frame_idx[rows])
    lent = ms3.frame_batch(given.donor_clip[rows], given.donor_frame[rows])
    assert torch.equal(batch["image"][places], listed["image"])
    assert torch.equal(batch["logmel"][places], lent["logmel"]) == (kind != "mute")
    others = [i for i in range(3 * frames) if i not in places.tolist()]
    assert torch.equal(batch["logmel"][others], own["logmel"][others])


@pytest.mark.parametrize("kind", ["other", "swap"])
def test_the_list_is_fixed_by_its_seed(ms3, kind):
    first, again, moved = donors(ms3, kind, seed=3), donors(ms3, kind, seed=3), donors(ms3, kind, seed=4)
    assert torch.equal(first.donor_clip, again.donor_clip) and torch.equal(first.donor_frame, again.donor_frame)
    assert not torch.equal(first.donor_clip, moved.donor_clip)


def test_no_donor_is_said():
    alone = generate(ChimesSpec(size=32), "val", 1)
    for kind in ("other", "swap"):
        with pytest.raises(ValueError, match="found no donor for clip 0 in 5 sounding frames.*use more clips"):
            donors(alone, kind)
    with pytest.raises(ValueError, match="'loud', expected one of other, swap, mute"):
        donors(alone, "loud")

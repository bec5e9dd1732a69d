"""Clips, their batches, and the dyadic grids of the inputs."""

import math
from dataclasses import replace

import pytest
import torch

from avs.clip import Clips
from avs.normalise import image_to_grid, logmel_to_grid


def test_clip_and_batch_tell_the_same(ms3):
    clip = ms3[3]
    batch = ms3.frame_batch(torch.tensor([3, 3]), torch.tensor([0, 4]))
    assert clip.objects.shape == (5, 3, 32, 32) and clip.objects.dtype == torch.bool
    assert torch.equal(batch["mask"], clip.masks[[0, 4]])
    torch.testing.assert_close(batch["image"], (clip.frames[[0, 4]] * 255 - 128) / 64)
    assert batch["logmel"].shape == (2, 1, 96, 64) and batch["mask"].dtype == torch.int64


def test_inputs_lie_on_their_grids(ms3):
    batch = ms3.frame_batch(torch.arange(24), torch.arange(24) % 5)
    for name, step in (("image", 64), ("logmel", 32)):
        scaled = batch[name] * step
        assert torch.equal(scaled, scaled.round())
    assert batch["image"].abs().max() <= 2 and batch["logmel"].abs().max() <= 4


def test_grid_extremes():
    assert image_to_grid(torch.tensor([0, 128, 255], dtype=torch.uint8)).tolist() == [-2.0, 0.0, 127 / 64]
    silence = float(logmel_to_grid(torch.tensor(math.log(0.01))))
    assert silence == round(32 * (math.log(0.01) + 1) / 2) / 32
    assert float(logmel_to_grid(torch.tensor(99.0))) == 4
    with pytest.raises(ValueError, match="expected uint8"):
        image_to_grid(torch.zeros(3))


def test_normalised_logmel_is_about_standard(ms3):
    logmel = logmel_to_grid(ms3.logmel)
    assert abs(float(logmel.mean())) < 0.25 and 0.6 < float(logmel.std()) < 1.3


def test_masks_are_the_sounding_objects(ms3, semantic):
    for clips in (ms3, semantic):
        for clip in (clips[i] for i in range(len(clips))):
            label = clip.classes + 1 if clips is semantic else torch.ones(3, dtype=torch.long)
            drawn = (clip.objects & clip.sounding[..., None, None]) * label[:, None, None]
            assert torch.equal(clip.masks, drawn.sum(1))


def test_stack_of_clips_is_the_split(ms3):
    again = Clips.stack([ms3[i] for i in range(4)])
    expected = ms3.subset(torch.arange(4))
    for name in vars(again):
        assert torch.equal(getattr(again, name), getattr(expected, name)), name


def test_object_masks_and_sounding_classes(ms3):
    seen = ms3.object_masks(torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([1, 0]))
    assert torch.equal(seen, torch.stack([ms3[0].objects[2, 1], ms3[1].objects[3, 0]]))
    heard = ms3.sounding_classes(5)
    for clip, frame in ((0, 0), (7, 4)):
        expected = set(ms3.classes[clip][ms3.sounding[clip, frame]].tolist())
        assert set(heard[clip, frame].nonzero()[:, 0].tolist()) == expected


def test_unlabelled_and_padding_frames_are_left_out(ms3):
    labelled, valid = ms3.labelled.clone(), ms3.valid.clone()
    labelled[0], valid[1, 3] = False, False
    clip, frame = replace(ms3, labelled=labelled, valid=valid).labelled_frames()
    pairs = set(zip(clip.tolist(), frame.tolist(), strict=True))
    assert len(pairs) == 23 * 5 - 1 and (1, 3) not in pairs and (0, 0) not in pairs


def test_uneven_columns_are_refused(ms3):
    with pytest.raises(ValueError, match="found 23 rows in masks, expected 24"):
        replace(ms3, masks=ms3.masks[1:])
    with pytest.raises(ValueError, match="at least one"):
        Clips.stack([])

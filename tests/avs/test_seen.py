"""What is seen, named: the loss of the classifier of features, and the map of classes that it learns from."""

from __future__ import annotations

import pytest
import torch

from avs.augment.change import augment
from avs.augment.spec import AugmentSpec
from avs.chimes import ChimesSpec, generate
from avs.clip import seen_classes
from avs.losses.seen import Seen, at_size, seen_loss
from avs.resound import Resounded, same_second


def test_objects_and_background_count_half_each():
    logits = torch.randn(2, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    seen = torch.tensor([[[2, -1, -1], [-1, 0, -1]], [[-1, -1, -1], [-1, -1, 1]]])
    log_p = logits.log_softmax(1)
    objects = [(0, 0, 0), (0, 1, 1), (1, 1, 2)]
    inside = [-log_p[b, int(seen[b, y, x]) + 1, y, x] for b, y, x in objects]
    outside = [-log_p[b, 0, y, x] for b, y, x in (seen < 0).nonzero().tolist()]
    expected = (torch.stack(inside).mean() + torch.stack(outside).mean()) / 2
    assert torch.allclose(seen_loss(logits, seen), expected)


@pytest.mark.parametrize("label", [-1, 1])
def test_one_half_alone_is_the_whole(label):
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = seen_loss(logits, torch.full((1, 2, 2), label))
    assert torch.allclose(loss, -logits.log_softmax(1)[0, label + 1].mean())


def test_a_map_is_brought_to_the_feature_s_size():
    seen = torch.full((1, 8, 8), -1)
    seen[0, :4, 4:] = 6
    assert at_size(seen, 2, 2).tolist() == [[[-1, 6], [-1, -1]]]
    assert at_size(seen, 3, 5).unique().tolist() == [-1, 6], "no class lies between two"


def test_the_classifier_reads_the_mask_feature_at_its_size():
    torch.manual_seed(0)
    term, feature = Seen((5, 2, 2), 3), torch.randn(2, 5, 2, 2)
    seen = torch.randint(-1, 3, (2, 2, 2))
    large = seen.repeat_interleave(4, 1).repeat_interleave(4, 2)
    assert torch.allclose(term({"mask_feature": feature}, large), seen_loss(term.head(feature), seen))


@pytest.fixture(scope="module")
def clips():
    return generate(ChimesSpec(), "train", 6)


def test_the_map_shows_silent_objects_too(clips):
    clip_idx, frame_idx = torch.arange(6).repeat_interleave(5), torch.arange(5).repeat(6)
    batch = clips.frame_batch(clip_idx, frame_idx)
    silent = 0
    for row, (clip, frame) in enumerate(zip(clip_idx.tolist(), frame_idx.tolist(), strict=True)):
        for slot, label in enumerate(clips.classes[clip].tolist()):
            here = clips.slots[clip, frame] == slot + 1
            assert (batch["seen"][row][here] == label).all()
            silent += int(here.any() and not clips.sounding[clip, frame, slot])
        assert torch.equal(batch["seen"][row] < 0, clips.slots[clip, frame] == 0)
    assert silent
    assert (batch["seen"][batch["mask"] > 0] >= 0).all(), "what sounds is seen"


def test_clips_without_slots_show_nothing():
    assert (seen_classes(torch.zeros(2, 3, 3, dtype=torch.uint8), torch.empty(2, 0, dtype=torch.long)) == -1).all()


def test_another_sound_shows_the_same(clips):
    index = torch.tensor([0, 3]), torch.tensor([1, 2])
    other = Resounded(clips, same_second(clips, torch.arange(6).roll(1)))
    assert torch.equal(other.frame_batch(*index)["seen"], clips.frame_batch(*index)["seen"])


def test_mask_and_map_are_changed_alike(clips):
    batch = clips.frame_batch(torch.tensor([0, 0]), torch.tensor([0, 1]))
    maps = torch.stack([batch["mask"], batch["seen"]], 1)
    spec = AugmentSpec(flip=0.5, crop=0.5)
    for seed in range(8):
        both = augment(batch["image"], maps, spec, torch.Generator().manual_seed(seed))[1]
        for k, name in enumerate(("mask", "seen")):
            alone = augment(batch["image"], batch[name], spec, torch.Generator().manual_seed(seed))[1]
            assert torch.equal(both[:, k], alone)

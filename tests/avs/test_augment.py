"""Random changes of a clip: picture and mask stay one on the other, and what is drawn does not depend on the spec."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch import Tensor

from avs.augment.change import augment
from avs.augment.sound import HOLE, PITCH, augment_sound
from avs.augment.spec import AugmentSpec


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clip(height: int, width: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Blocks of 4 x 4 pixels, the picture as bright as the mask's class."""
    small = torch.randint(0, classes, (2, 1, -(-height // 4), -(-width // 4)), generator=seeded(9)).float()
    mask = small.repeat_interleave(4, 2).repeat_interleave(4, 3)[..., :height, :width]
    return mask.expand(-1, 3, -1, -1).contiguous(), mask[:, 0].to(torch.uint8)


def test_zero_changes_nothing():
    image, mask = clip(16, 20)
    changed = augment(image, mask, AugmentSpec(), seeded())
    assert torch.equal(changed[0], image) and torch.equal(changed[1], mask)


@given(height=st.integers(8, 40), width=st.integers(8, 40), seed=st.integers(0, 999))
@examples(max_examples=60, deadline=None)
def test_the_mask_stays_on_the_picture(height, width, seed):
    """Away from borders, where the picture is blended: as bright as its class."""
    image, mask = clip(height, width)
    pictures, labels = augment(image, mask, AugmentSpec(flip=0.5, crop=0.5), seeded(seed))
    assert pictures.shape == image.shape and labels.shape == mask.shape and labels.dtype == mask.dtype
    flat = torch.nn.functional.max_pool2d(pictures[:, :1], 3, 1, 1)
    flat = (flat == -torch.nn.functional.max_pool2d(-pictures[:, :1], 3, 1, 1))[:, 0]
    assert torch.equal(pictures[:, 0][flat], labels[flat].float())
    assert set(labels.unique().tolist()) <= set(mask.unique().tolist())


def test_a_mirror_is_a_mirror_and_as_often_as_asked():
    image, mask = clip(8, 12)
    mirrored = 0
    for seed in range(400):
        pictures, labels = augment(image, mask, AugmentSpec(flip=0.25), seeded(seed))
        turned = not torch.equal(pictures, image)
        assert torch.equal(pictures, image.flip(-1) if turned else image)
        assert torch.equal(labels, mask.flip(-1) if turned else mask)
        mirrored += turned
    assert 70 < mirrored < 130


def test_a_crop_keeps_at_least_the_share_that_was_asked():
    """A ramp from left to right: what is left of it is how wide the window was."""
    ramp = torch.linspace(0, 1, 200).expand(1, 3, 200, 200).contiguous()
    spans = []
    for seed in range(200):
        pictures, _ = augment(ramp, torch.zeros(1, 200, 200), AugmentSpec(crop=0.3), seeded(seed))
        spans.append(float(pictures.max() - pictures.min()))
    assert min(spans) == pytest.approx(0.7, abs=0.02) and max(spans) == pytest.approx(1, abs=0.02)
    assert sum(spans) / len(spans) == pytest.approx(0.85, abs=0.02)


def test_colours_vary_in_their_range_alike_in_every_frame():
    image, mask = torch.ones(2, 3, 8, 8), torch.zeros(2, 8, 8)
    values = []
    for seed in range(300):
        pictures, _ = augment(image, mask, AugmentSpec(colour=0.2), seeded(seed))
        assert torch.equal(pictures, pictures[:1, :, :1, :1].expand_as(pictures))
        values.append(pictures[0, :, 0, 0])
    table = torch.stack(values)
    assert 0.6 <= float(table.min()) < 0.7 and 1.3 < float(table.max()) <= 1.4
    assert float((table[:, 0] - table[:, 1]).abs().max()) > 0.2, "each channel has its own"


def test_one_change_does_not_move_another():
    image, mask = clip(16, 20)
    for seed in range(20):
        alone = augment(image, mask, AugmentSpec(crop=0.4), seeded(seed))[1]
        both = augment(image, mask, AugmentSpec(crop=0.4, colour=0.5), seeded(seed))[1]
        assert torch.equal(alone, both)


@pytest.mark.parametrize("key, value", [("flip", 1.5), ("crop", 0.95), ("colour", -0.1), ("crop", float("nan"))])
def test_what_cannot_be_asked(key, value):
    with pytest.raises(ValueError, match=f"augment.{key}: found"):
        AugmentSpec(**{key: value})


def sound(frames: int = 2) -> Tensor:
    """A tone at mel 30 that begins at time 20, over silence."""
    logmel = torch.full((frames, 1, 96, 64), -4.0)
    logmel[..., 20:90, 30] = 2.0
    return logmel


def test_no_change_of_the_sound_is_none():
    assert torch.equal(augment_sound(sound(), 0.0, seeded()), sound())


@pytest.mark.parametrize("unit", [1.0, 0.5])
def test_a_changed_sound_is_the_same_in_any_unit(unit):
    for seed in range(20):
        changed = augment_sound(sound(), 0.7, seeded(seed))
        other = augment_sound(sound() * unit + 3, 0.7, seeded(seed))
        assert torch.allclose(other, changed * unit + 3, atol=1e-5)
        assert torch.equal(changed[0], changed[1]), "frames of a clip are changed alike"
        assert float(changed.min()) == -4.0


@given(seed=st.integers(0, 9999), much=st.floats(0.05, 1))
@examples(max_examples=80, deadline=None)
def test_a_sound_is_changed_within_bounds(seed, much):
    changed = augment_sound(sound(1), much, seeded(seed))[0, 0]
    loud = changed > -4.0
    mels = loud.any(0).nonzero()[:, 0]
    if len(mels):
        assert len(mels) == 1 and abs(int(mels) - 30) <= round(PITCH * much)
        assert float(changed.max()) == pytest.approx(2.0, abs=6 * 0.6 * much + 1e-4)
        gone = 70 - int(loud.sum())
        assert 0 <= gone <= round(HOLE * much * 96)


def test_all_that_can_change_in_a_sound_does():
    """Over many draws: the mel, the beginning, the strength; and a hole in time and in the mels."""
    seen = [augment_sound(sound(1), 1.0, seeded(seed))[0, 0] for seed in range(60)]
    loud = [x > -4.0 for x in seen]
    assert len({int(x.any(0).nonzero()[0]) for x in loud if x.any()}) > 8
    assert len({int(x.any(1).nonzero()[0]) for x in loud if x.any()}) > 8
    assert len({round(float(x.max()), 3) for x in seen}) > 40
    assert any(0 < int(x.sum()) < 70 for x in loud) and not all(x.any() for x in loud)

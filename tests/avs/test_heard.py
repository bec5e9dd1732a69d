"""What is heard, named: the loss of the classifier, and the labels that it learns from."""

from __future__ import annotations

import pytest
import torch

from avs.chimes import ChimesSpec, generate
from avs.losses.heard import Heard, heard_loss
from avs.resound import Resounded, same_second


def test_it_is_the_cross_entropy_with_equal_shares():
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    heard = torch.tensor([[2, -1, -1], [-1, -1, -1], [4, -1, 0]])
    log_p = logits.log_softmax(1)
    expected = (-log_p[0, 2] - (log_p[2, 4] + log_p[2, 0]) / 2) / 2
    assert torch.allclose(heard_loss(logits, heard), expected)


def test_silence_says_nothing():
    logits = torch.randn(2, 5, requires_grad=True)
    loss = heard_loss(logits, torch.full((2, 3), -1))
    (slope,) = torch.autograd.grad(loss, logits)
    assert float(loss.detach()) == 0 and not slope.any()


def test_the_class_zero_is_not_taken_for_nobody():
    logits = torch.zeros(1, 3)
    logits[0, 0] = 9.0
    assert float(heard_loss(logits, torch.tensor([[0, -1]]))) < 1e-3
    assert float(heard_loss(logits, torch.tensor([[1, -1]]))) > 8


def test_a_token_of_any_shape_is_read_whole():
    torch.manual_seed(0)
    term = Heard((3, 4), 4)
    token = torch.randn(2, 3, 4)
    expected = heard_loss(term.head(token.reshape(2, 12)), torch.tensor([[1], [2]]))
    assert torch.equal(term({"audio_token": token}, torch.tensor([[1], [2]])), expected)


@pytest.fixture(scope="module")
def clips():
    return generate(ChimesSpec(), "train", 6)


def test_labels_are_what_sounds(clips):
    clip_idx, frame_idx = torch.arange(6).repeat_interleave(5), torch.arange(5).repeat(6)
    heard = clips.frame_batch(clip_idx, frame_idx)["heard"]
    for row, (clip, frame) in enumerate(zip(clip_idx.tolist(), frame_idx.tolist(), strict=True)):
        loud = clips.sounding[clip, frame]
        assert set(heard[row].tolist()) - {-1} == set(clips.classes[clip][loud].tolist())
    assert (heard >= 0).any()


def test_labels_are_not_of_a_lent_sound(clips):
    other = Resounded(clips, same_second(clips, torch.arange(6).roll(1)))
    assert "heard" not in other.frame_batch(torch.tensor([0]), torch.tensor([0]))

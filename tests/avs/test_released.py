"""The published formula: literally, in closed form, and where it is not defined."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from avs.information.released import normalised, released


def literal(score: torch.Tensor, mask: torch.Tensor) -> float:
    """As published, term by term; a loss to minimise."""
    m = (score - score.min()) / (score.max() - score.min())
    pooled = functional.avg_pool2d(mask[:, None].double(), mask.shape[-1] // score.shape[-1])[:, 0]
    positive = (pooled > 0.4).double()
    negative = 1 - positive
    first = (m * positive).sum() / positive.sum()
    second = (m.exp() * negative + 1e-6).log().sum() / negative.sum()
    return -float(first - second)


def case(seed: int, share: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    score = 3 * torch.randn(3, 8, 8, generator=random, dtype=torch.float64) + 1
    coarse = torch.rand(3, 8, 8, generator=random) < share
    return score, coarse.repeat_interleave(4, 1).repeat_interleave(4, 2) & (
        torch.rand(3, 32, 32, generator=random) < 0.9
    )


@given(st.integers(0, 1000), st.floats(0.05, 0.9))
def test_it_is_minus_the_published_loss(seed, share):
    score, mask = case(seed, share)
    assert -float(released(score, mask)) == pytest.approx(literal(score, mask), abs=1e-6)


def test_in_closed_form_it_is_a_contrast_of_means_and_a_constant():
    score, mask = case(0)
    m, positive = normalised(score), functional.avg_pool2d(mask[:, None].double(), 4)[:, 0] > 0.4
    ratio = float(positive.sum() / (~positive).sum())
    closed = -float(m[positive].mean() - m[~positive].mean()) - 13.815510557964274 * ratio
    assert -float(released(score, mask)) == pytest.approx(closed, abs=1e-6)
    correct = m[positive].mean() - m[~positive].exp().mean().log()
    assert abs(float(released(score, mask) - correct)) > 1  # what a bound would be is far away


def test_the_threshold_is_four_tenths_of_a_pixels_mask():
    score, mask = torch.tensor([[[0.0, 1.0]]]), torch.zeros(1, 5, 10)
    mask[0, :2] = 1
    assert float(released(score, mask)) == 0  # exactly 0.4 is not more
    mask[0, 2, 5] = 1
    assert float(released(score, mask)) == pytest.approx(1 - math.log(1e-6), abs=1e-5)


def test_the_whole_batch_is_one_scale_and_unlabelled_frames_only_set_it():
    score, mask = case(1)
    score[2] *= 10
    some = torch.tensor([True, True, False])
    low, high = score.min(), score.max()
    found = float(released(score, mask, some))
    positive = functional.avg_pool2d(mask[:2, None].double(), 4)[:, 0] > 0.4
    m = (score[:2] - low) / (high - low)
    ratio = float(positive.sum() / (~positive).sum())
    assert found == pytest.approx(float(m[positive].mean() - m[~positive].mean()) + 13.815510558 * ratio, abs=1e-6)
    other = mask.clone()
    other[2] = ~other[2]
    assert float(released(score, other, some)) == found


@pytest.mark.parametrize("fill", [0, 1])
def test_without_one_side_it_is_nothing(fill):
    score = case(2)[0].requires_grad_()
    found = released(score, torch.full((3, 32, 32), fill))
    found.backward()
    assert float(found.detach()) == 0 and score.grad is not None and not score.grad.any()


def test_a_constant_map_gives_numbers():
    score, mask = torch.full((3, 8, 8), 2.5, requires_grad=True), case(3)[1]
    found = released(score, mask)
    found.backward()
    assert found.isfinite() and score.grad is not None and score.grad.isfinite().all()


def test_half_precision_is_computed_in_fp32():
    score, mask = case(4)
    assert float(released(score.bfloat16(), mask)) == float(released(score.bfloat16().float(), mask))

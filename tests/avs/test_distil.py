"""Following a teacher: 0 where the two agree, and the textbook's divergence where they do not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from avs.losses.distil import distil, feature_loss, logits_loss
from avs.losses.spec import DistilSpec


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 1, 5, 7), (2, 4, 5, 7)])
def test_who_agrees_has_no_loss_and_no_gradient(shape):
    student = drawn(*shape).requires_grad_()
    loss = logits_loss(student, student.detach())
    (slope,) = torch.autograd.grad(loss, student)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6) and float(slope.abs().max()) < 1e-7


@given(seed=st.integers(0, 999))
@examples(max_examples=30, deadline=None)
def test_logits_are_compared_by_their_divergence(seed):
    s, t = drawn(2, 3, 4, seed=seed), drawn(2, 3, 4, seed=seed + 1)
    both = [torch.stack([x.sigmoid(), 1 - x.sigmoid()], 1) for x in (s, t)]
    expected = (both[1] * (both[1] / both[0]).log()).sum(1).mean()
    assert torch.allclose(logits_loss(s, t), expected, atol=1e-5)
    two_classes = [torch.stack([x, torch.zeros_like(x)], 1) for x in (s, t)]
    assert torch.allclose(logits_loss(*two_classes), expected, atol=1e-5)


def test_features_are_compared_by_their_directions():
    s = drawn(2, 6, 3, 3)
    assert float(feature_loss(s, 5 * s)) == pytest.approx(0, abs=1e-6)
    assert float(feature_loss(s, -s)) == pytest.approx(4, abs=1e-5)
    assert torch.isfinite(feature_loss(torch.zeros(1, 2, 3, 3), s[:1, :2]))


def test_parts_are_weighed_and_only_computed_where_they_weigh():
    student = {"mask": drawn(2, 5, 5), "level_0": drawn(2, 3, 4, 4), "mask_feature": drawn(2, 2, 4, 4), "audio": None}
    teacher = {"mask": drawn(2, 5, 5, seed=1), "level_0": drawn(2, 3, 4, 4, seed=1), "mask_feature": drawn(2, 2, 4, 4)}
    both = distil(student, teacher, DistilSpec(logits=2.0, features=3.0))
    by_map = feature_loss(student["level_0"], teacher["level_0"])
    assert torch.allclose(both["distil_features"], by_map / 2), "the mean over maps, one of which agrees"
    assert torch.allclose(both["loss"], 2 * both["distil_logits"] + 3 * both["distil_features"])
    assert distil(student, {"mask": teacher["mask"]}, DistilSpec(logits=1.0)).keys() == {"loss", "distil_logits"}

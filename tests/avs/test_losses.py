"""Losses by hand, and the options a user can get wrong."""

import pytest
import torch
from torch.nn import functional

from avs.losses.masks import (
    LossSpec,
    bce_loss,
    ce_loss,
    dice_loss,
    extra_losses,
    feature_dice,
    foreground_logit,
    mixed,
)


def test_dice_by_hand():
    probability = torch.tensor([[[0.5, 1.0], [0.0, 0.25]], [[0.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]]])
    first = 2 * 1.5 / (0.25 + 1 + 0.0625 + 0.001 + 2 + 0.001)
    assert float(dice_loss(probability, target)) == pytest.approx(((1 - first) + 1) / 2, abs=1e-6)


def test_bce_weighs_the_foreground():
    logits, target = torch.tensor([[[0.3, -1.0]]]), torch.tensor([[[1, 0]]])
    expected = (2 * functional.softplus(torch.tensor(-0.3)) + functional.softplus(torch.tensor(-1.0))) / 2
    assert float(bce_loss(logits, target, 2.0)) == pytest.approx(float(expected), abs=1e-6)


def test_mixed_is_the_weighted_sum_of_its_parts():
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 6, 6, generator=random, requires_grad=True)
    target = torch.randint(0, 4, (2, 6, 6), generator=random)
    found = mixed(logits, target, LossSpec(dice=0.5, bce=0.25, ce=2.0))
    parts = 0.5 * found["dice"] + 0.25 * found["bce"] + 2.0 * found["ce"]
    torch.testing.assert_close(found["loss"], parts)
    torch.testing.assert_close(found["ce"], ce_loss(logits, target))
    found["loss"].backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert set(mixed(logits[:, 0], target, LossSpec(bce=0.0))) == {"loss", "dice"}


def test_foreground_logit_is_not_background():
    logits = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(foreground_logit(logits).sigmoid(), 1 - logits.softmax(1)[:, 0])
    assert torch.equal(foreground_logit(logits[:, :1]), logits[:, 0])
    assert foreground_logit(logits[:, 0]) is not None


def test_half_precision_is_summed_in_fp32():
    logits = torch.zeros(1, 300, 300, dtype=torch.bfloat16)
    target = torch.ones(1, 300, 300)
    assert float(dice_loss(logits.sigmoid(), target)) == pytest.approx(1 - 0.8, abs=1e-4)


def test_feature_dice_upsamples_the_channel_mean():
    feature = torch.full((1, 3, 2, 2), -9.0)
    feature[..., 0] = 9.0
    target = torch.zeros(1, 8, 8)
    target[..., :4] = 1
    assert float(feature_dice(feature, target)) < 0.15 < float(feature_dice(-feature, target))


def test_the_feature_has_its_weight():
    feature, target = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(2)), torch.ones(2, 8, 8)
    found = mixed(torch.zeros(2, 8, 8), target, LossSpec(bce=0, feature=0.1), feature)
    torch.testing.assert_close(found["loss"], found["dice"] + 0.1 * feature_dice(feature, target))
    assert set(mixed(torch.zeros(2, 8, 8), target, LossSpec(bce=0), feature)) == {"loss", "dice"}


def test_losses_of_a_network_are_found_by_name_and_averaged():
    outputs = {"mask": torch.ones(3, 1), "loss_commit": torch.tensor([[1.0], [2.0], [6.0]]), "lossy": torch.ones(3, 1)}
    assert {name: float(value) for name, value in extra_losses(outputs).items()} == {"commit": 3.0}


@pytest.mark.parametrize("key, value", [("dice", -1.0), ("pos_weight", 0.0), ("set", -2.0), ("extra", float("nan"))])
def test_a_bad_weight_is_named(key, value):
    with pytest.raises(ValueError, match=f"loss.{key}: found {value}"):
        LossSpec(**{key: value})


def test_impossible_mixes_are_refused():
    with pytest.raises(ValueError, match="expected one above 0"):
        LossSpec(dice=0, bce=0)
    with pytest.raises(ValueError, match="set it to 0 if binary"):
        mixed(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), LossSpec(ce=1.0))
    with pytest.raises(ValueError, match="loss.feature: found no mask feature"):
        mixed(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), LossSpec(feature=0.1))

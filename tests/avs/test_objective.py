"""The loss of a network's outputs, and the published recipes against their formulas."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from avs.losses.masks import bce_loss, ce_loss, dice_loss, feature_dice
from avs.losses.objective import check, objective
from avs.losses.set_loss import heads_of, set_loss
from avs.losses.spec import OF_A_MASK, LossSpec

CLIP = torch.tensor([0, 0, 1, 1])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def outputs(channels: int = 1) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    shapes = {
        "mask": (channels, 16, 16),
        "mask_feature": (3, 4, 4),
        "queries_class_0": (5, channels + 2),
        "queries_mask_0": (5, 8, 8),
        "queries_class_1": (5, channels + 2),
        "queries_mask_1": (5, 8, 8),
    }
    return {name: torch.randn(4, *shape, generator=random).requires_grad_() for name, shape in shapes.items()}


def target(classes: int = 2) -> torch.Tensor:
    return torch.randint(0, classes, (4, 16, 16), generator=torch.Generator().manual_seed(1))


def loss(found: dict[str, torch.Tensor], mask: torch.Tensor, spec: LossSpec, labelled=None) -> torch.Tensor:
    return objective(found, mask, spec, clip=CLIP, generator=seeded(), labelled=labelled)["loss"]


def test_avsegformer_binary_and_the_released_s4_mix():
    """S4: one labelled frame a clip."""
    o, mask, first = outputs(), target(), torch.tensor([True, False, True, False])
    spec = LossSpec(dice=1, bce=0, feature=0.1)
    for labelled in (None, first):
        kept = slice(None) if labelled is None else labelled
        p = o["mask"][kept, 0].sigmoid()
        mean = functional.interpolate(o["mask_feature"].mean(1, keepdim=True), (16, 16), mode="bilinear")
        expected = dice_loss(p, mask[kept]) + 0.1 * dice_loss(mean[kept, 0].sigmoid(), mask[kept])
        torch.testing.assert_close(loss(o, mask, spec, labelled), expected)


def test_the_feature_is_the_one_that_the_mask_is_read_from():
    o, spec = outputs(), LossSpec(dice=0, bce=0, feature=1)
    o["fused_feature"] = -o["mask_feature"]
    torch.testing.assert_close(loss(o, target(), spec), feature_dice(-o["mask_feature"], target()))


def test_avsegformer_semantic_is_a_mean_over_flagged_frames():
    o, mask, flags = outputs(6), target(6), torch.tensor([True, False, False, True])
    per_frame = functional.cross_entropy(o["mask"], mask, reduction="none").mean((1, 2))
    expected = (per_frame * flags).sum() / flags.sum() + 0.1 * feature_dice(o["mask_feature"][flags], mask[flags])
    torch.testing.assert_close(loss(o, mask, LossSpec(dice=0, bce=0, ce=1, feature=0.1), flags), expected)


def test_etavs():
    o, mask = outputs(), target()
    expected = dice_loss(o["mask"][:, 0].sigmoid(), mask) + bce_loss(o["mask"][:, 0], mask, 1.0)
    torch.testing.assert_close(loss(o, mask, LossSpec(dice=1, bce=1, pos_weight=1)), expected)
    o, mask = outputs(6), target(6)
    torch.testing.assert_close(loss(o, mask, LossSpec(dice=0, bce=0, ce=1)), ce_loss(o["mask"], mask))


def test_av2ts_reads_its_queries_alone():
    o, mask = outputs(), target()
    found = objective(o, mask, LossSpec(dice=0, bce=0, set=1), clip=CLIP, generator=seeded())
    torch.testing.assert_close(found["loss"], set_loss(heads_of(o), mask, clip=CLIP, generator=seeded())["set"])
    found["loss"].backward()
    assert not o["mask"].grad.any() and all(o[f"queries_{kind}_1"].grad.any() for kind in ("class", "mask"))
    assert {"set", "set_ce", "set_bce", "set_dice", "set_frames"} < found.keys()


@pytest.mark.parametrize("part", OF_A_MASK)
def test_a_part_counts_as_often_as_its_weight(part):
    o, mask = outputs(3 if part == "ce" else 1), target()
    once, twice, thrice = (loss(o, mask, replace(LossSpec(), **{part: weight})) for weight in (1.0, 2.0, 3.0))
    assert float((twice - once).detach()) > 0.05
    torch.testing.assert_close(thrice - twice, twice - once)


def test_losses_of_the_network_are_added_with_their_weight():
    o, mask = outputs(), target()
    plain = loss(o, mask, LossSpec())
    o["loss_commit"], o["loss_distill"] = torch.tensor([[1.0], [2.0], [3.0], [6.0]]), torch.ones(4, 1)
    torch.testing.assert_close(loss(o, mask, LossSpec()), plain + 4)
    torch.testing.assert_close(loss(o, mask, LossSpec(extra=0.5)), plain + 2)
    assert "commit" not in objective(o, mask, LossSpec(extra=0), clip=CLIP, generator=seeded())


@pytest.mark.parametrize("weights", [{}, {"feature": 0.1}, {"set": 1.0}, {"ce": 1.0}])
def test_masks_of_unlabelled_frames_are_not_read(weights):
    channels = 3 if "ce" in weights else 1
    o, mask, some = outputs(channels), target(), torch.tensor([False, True, True, False])
    peeping = torch.where(some[:, None, None], mask, 1 - mask)
    assert torch.equal(loss(o, mask, LossSpec(**weights), some), loss(o, peeping, LossSpec(**weights), some))
    assert not torch.equal(loss(o, mask, LossSpec(**weights)), loss(o, peeping, LossSpec(**weights)))


def test_a_batch_without_a_labelled_frame_has_no_gradient():
    o = outputs()
    found = loss(o, target(), LossSpec(set=1.0, feature=0.1), torch.zeros(4, dtype=torch.bool))
    found.backward()
    assert float(found.detach()) == 0 and not o["mask"].grad.any()


@pytest.mark.parametrize(
    "spec, names, sentence",
    [
        (LossSpec(set=1.0), ("mask", "queries_mask_0"), "without the outputs queries_class_0 and queries_mask_0"),
        (LossSpec(feature=0.1), ("mask",), "loss.feature: found 0.1 with a network without"),
    ],
)
def test_what_a_network_lacks_is_said(spec, names, sentence):
    with pytest.raises(ValueError, match=sentence):
        check(spec, names)

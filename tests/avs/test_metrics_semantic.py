"""Semantic metrics against a loop over frames and classes, written from the definition."""

import math

import pytest
import torch

from avs.metrics import SemanticIoU

CLASSES = 5


@pytest.fixture(scope="module")
def sample() -> tuple[torch.Tensor, torch.Tensor]:
    """Class 4 is never true nor predicted; class 2 occurs in the last three frames only."""
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(6, CLASSES, 8, 8, generator=random)
    logits[:, 4] = -99
    logits[:3, 2] = -99
    target = torch.randint(0, 3, (6, 8, 8), generator=random)
    return logits, torch.where(torch.arange(6)[:, None, None] < 3, target.clamp(max=1), target)


def by_loop(logits, target):
    ious, fs = ([[] for _ in range(CLASSES)] for _ in range(2))
    for predicted, truth in zip(logits.argmax(1), target, strict=True):
        for c in range(CLASSES):
            p, t = predicted == c, truth == c
            hit, union = float((p & t).sum()), float((p | t).sum())
            if union:
                ious[c].append(hit / union)
                precision, recall = (hit / float(x.sum()) if x.any() else math.nan for x in (p, t))
                f = 1.3 * precision * recall / (0.3 * precision + recall) if hit else 0.0
                fs[c].append(f)
    return [[sum(x) / len(x) if x else 0.0 for x in values] for values in (ious, fs)]


def test_equals_a_loop_whatever_the_batches(sample):
    logits, target = sample
    iou, fscore = by_loop(logits, target)
    for batch in (6, 4, 1):
        metric = SemanticIoU(CLASSES)
        for a, b in zip(logits.split(batch), target.split(batch), strict=True):
            metric.update(a, b)
        found = metric.compute()
        assert found["iou"].tolist() == pytest.approx(iou, abs=1e-9)
        assert found["fscore_per_class"].tolist() == pytest.approx(fscore, abs=1e-9)
        for name, values in (("miou", iou), ("fscore", fscore)):
            assert float(found[name]) == pytest.approx(sum(values) / 5, abs=1e-9)
            assert float(found[name + "_foreground"]) == pytest.approx(sum(values[1:]) / 4, abs=1e-9)
            assert float(found[name + "_released"]) == pytest.approx(sum(values[:-1]) / 4, abs=1e-9)


def test_a_class_never_met_counts_as_zero(sample):
    metric = SemanticIoU(CLASSES)
    metric.update(*sample)
    assert float(metric.compute()["iou"][4]) == 0


def test_padding_raises_the_background_unless_left_out(sample):
    logits, target = sample
    padded = torch.cat([logits, torch.zeros_like(logits)]), torch.cat([target, torch.zeros_like(target)])
    plain, counted, left_out = SemanticIoU(CLASSES), SemanticIoU(CLASSES), SemanticIoU(CLASSES)
    plain.update(logits, target)
    counted.update(*padded)
    left_out.update(*padded, valid=torch.arange(12) < 6)
    assert torch.equal(left_out.compute()["iou"], plain.compute()["iou"])
    assert counted.compute()["iou"][0] > plain.compute()["iou"][0]


def test_bad_input_is_named(sample):
    logits, target = sample
    with pytest.raises(ValueError, match="found class 7 in a mask, expected 0 to 4"):
        SemanticIoU(CLASSES).update(logits, target + 5)
    with pytest.raises(ValueError, match="5 classes, expected 6"):
        SemanticIoU(6).update(logits, target)
    with pytest.raises(ValueError, match=r"expected \[B, C, H, W\]"):
        SemanticIoU(CLASSES).update(logits, target[:3])

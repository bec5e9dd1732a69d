"""Binary metrics against the released code's numbers and against a loop; bounds and invariances."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avs.metrics import AVSBenchF, AVSBenchIoU, FMeasure, FrameIoU, clip_iou, f_curves, mask_iou

VECTORS = Path(__file__).parents[1] / "vectors" / "metrics_audio.npz"
METRICS = (AVSBenchIoU, AVSBenchF, FrameIoU, FMeasure)


@pytest.fixture(scope="module")
def vectors() -> dict[str, torch.Tensor]:
    with np.load(VECTORS) as file:
        return {name: torch.from_numpy(file[name]) for name in ("logits", "gt", "miou", "fscore")}


def measure(metric, logits, target, batch=None):
    for a, b in zip(logits.split(batch or len(logits)), target.split(batch or len(logits)), strict=True):
        metric.update(a, b)
    return float(metric.compute())


@pytest.mark.parametrize("metric, name", list(zip(METRICS, ("miou", "fscore", "miou", "fscore"), strict=True)))
def test_equals_the_released_code(vectors, metric, name):
    assert measure(metric(), vectors["logits"], vectors["gt"]) == pytest.approx(float(vectors[name]), abs=1e-6)


def test_the_vectors_hold_empty_masks(vectors):
    """Without them the test above would not see a broken rule for empty masks."""
    empty = (vectors["gt"] == 0).flatten(1).all(1)
    assert int(empty.sum()) == 2
    ious = mask_iou(vectors["logits"], vectors["gt"])
    untouched = (vectors["logits"][empty] <= 0).flatten(1).double().mean(1)
    torch.testing.assert_close(ious[empty], untouched, rtol=0, atol=1e-9)
    assert (ious[empty] > 0.05).all()  # the plain formula would give 0 here
    assert len(f_curves(vectors["logits"], vectors["gt"])) == 8


def test_empty_mask_rule_by_hand():
    logits = torch.full((3, 2, 2), -5.0)
    logits[1, 0, 0] = logits[2, 0, 0] = 5.0
    target = torch.zeros(3, 2, 2)
    target[2, 0] = 1
    np.testing.assert_allclose(mask_iou(logits, target), [1, 0.75, 0.5], atol=1e-6)
    assert len(f_curves(logits[:2], target[:2])) == 0
    assert measure(AVSBenchF(), logits, target, batch=1) == pytest.approx(measure(FMeasure(), logits, target) / 3)


def test_half_is_not_foreground():
    assert float(mask_iou(torch.zeros(1, 2, 2), torch.ones(1, 2, 2))) == 0
    assert float(mask_iou(torch.full((1, 2, 2), 1e-6), torch.ones(1, 2, 2))) == pytest.approx(1)


def test_f_curves_equal_a_loop():
    random = torch.Generator().manual_seed(0)
    logits, target = torch.randn(3, 6, 6, generator=random) * 3, torch.rand(3, 6, 6, generator=random) > 0.6
    for curve, logit, truth in zip(f_curves(logits, target), logits, target, strict=True):
        for found, threshold in zip(curve.tolist(), torch.linspace(0, 1 - 1e-10, 255), strict=True):
            chosen = logit.sigmoid() >= threshold
            hit = float((chosen & truth).sum())
            precision, recall = hit / (float(chosen.sum()) + 1e-20), hit / float(truth.sum())
            expected = 1.3 * precision * recall / (0.3 * precision + recall) if hit else 0.0
            assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 9),
    density=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    batch=st.integers(1, 4),
)
def test_bounds_and_invariance(seed, frames, density, batch):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(frames, 5, 5, generator=random) * 4
    target = (torch.rand(frames, 5, 5, generator=random) < density).long()
    order = torch.randperm(frames, generator=random)
    for metric in METRICS:
        assert 0 <= measure(metric(), logits, target, batch) <= 1
    for metric in (FrameIoU, FMeasure):
        whole = measure(metric(), logits, target)
        assert measure(metric(), logits[order], target[order], batch) == pytest.approx(whole, abs=1e-12)
        assert measure(metric(), logits.flip(-1), target.flip(-1)) == pytest.approx(whole, abs=1e-12)
    perfect = torch.where(target > 0, 9.0, -9.0)
    assert measure(FrameIoU(), perfect, target, batch) == pytest.approx(1, abs=1e-6)


def test_released_forms_depend_on_the_batches(vectors):
    logits, target = vectors["logits"], vectors["gt"]
    assert abs(measure(AVSBenchF(), logits, target, 2) - measure(AVSBenchF(), logits, target)) > 1e-3
    ious = mask_iou(logits, target)
    uneven = (ious[:7].mean() + ious[7:].mean()) / 2
    assert measure(AVSBenchIoU(), logits, target, 7) == pytest.approx(float(uneven), abs=1e-9)


def test_clip_iou_is_the_mean_of_each_clip():
    ious, clip = torch.tensor([0.2, 0.4, 1.0, 0.6]), torch.tensor([1, 0, 1, 1])
    np.testing.assert_allclose(clip_iou(ious, clip, 2), [0.4, 0.6], atol=1e-7)
    with pytest.raises(ValueError, match="expected every clip of 0 to 2"):
        clip_iou(ious, clip, 3)
    with pytest.raises(ValueError, match="expected every clip of 0 to 0"):
        clip_iou(ious, clip, 1)


def test_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match="two equal shapes"):
        FrameIoU().update(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))

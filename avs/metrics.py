"""Mask metrics of AVSBench (Zhou et al. 2022), and forms of them that do not depend on batches.

Logits and masks are [B, H, W], one row per frame. A pixel is predicted where sigmoid(logit) > 0.5.

    IoU    = intersection / (union + 1e-7); where the true mask is empty, the share of pixels left empty
    F(t)   = 1.3 P R / (0.3 P + R) at pixels >= t, 255 thresholds; frames with an empty true mask are skipped

`AVSBenchIoU` and `AVSBenchF` average over batches what is computed within one, so they change with the batch
size, F even with the order of the clips: they serve to compare with published numbers. `FrameIoU` and
`FMeasure` depend on the set of frames only. Confidence intervals start from `clip_iou`, one value per clip.
"""

import torch
from torch import Tensor
from torchmetrics import Metric

from avs.metrics_semantic import SemanticIoU, semantic_counts

__all__ = [
    "AVSBenchF",
    "AVSBenchIoU",
    "FMeasure",
    "FrameIoU",
    "SemanticIoU",
    "clip_iou",
    "f_curves",
    "mask_iou",
    "semantic_counts",
]

BETA2 = 0.3
THRESHOLDS = 255


def _flat(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if logits.shape != target.shape or logits.ndim != 3 or not len(logits):
        raise ValueError(
            f"metrics: found logits {tuple(logits.shape)} and masks {tuple(target.shape)}, "
            "expected two equal shapes [B, H, W]"
        )
    return logits.detach().float().sigmoid().flatten(1), target.flatten(1) > 0


def mask_iou(logits: Tensor, target: Tensor) -> Tensor:
    """[B] float64: the IoU of each frame."""
    probability, truth = _flat(logits, target)
    predicted = probability > 0.5
    inter, union = (predicted & truth).sum(1), (predicted | truth).sum(1)
    empty = ~truth.any(1)
    inter = torch.where(empty, (~predicted).sum(1), inter)
    union = torch.where(empty, truth.shape[1], union)
    return inter.double() / (union.double() + 1e-7)


def f_curves(logits: Tensor, target: Tensor) -> Tensor:
    """[frames with a true mask, 255] float64: F at every threshold."""
    probability, truth = _flat(logits, target)
    kept = truth.any(1)
    probability, truth = probability[kept], truth[kept]
    thresholds = torch.linspace(0, 1 - 1e-10, THRESHOLDS, device=logits.device)
    # A pixel passes the first n thresholds: count pixels by n, then sum from the top.
    passed = torch.bucketize(probability, thresholds, right=True)
    bins = torch.zeros(2, len(passed), THRESHOLDS + 1, dtype=torch.float64, device=logits.device)
    bins[0].scatter_add_(1, passed, torch.ones_like(passed, dtype=torch.float64))
    bins[1].scatter_add_(1, passed, truth.double())
    predicted, hit = bins.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    precision, recall = hit / (predicted + 1e-20), hit / truth.sum(1, keepdim=True)
    return ((1 + BETA2) * precision * recall / (BETA2 * precision + recall)).nan_to_num(0.0)


def clip_iou(ious: Tensor, clip_idx: Tensor, clips: int) -> Tensor:
    """Frames' IoU [B] and their clips [B] -> [clips] float64, the mean over each clip's frames."""
    frames = torch.bincount(clip_idx, minlength=clips)
    if len(frames) > clips or (frames == 0).any():
        raise ValueError(
            f"clip_iou: found {int((frames > 0).sum())} clips among indices up to {int(clip_idx.max())}, "
            f"expected every clip of 0 to {clips - 1} to have a frame"
        )
    return torch.zeros(clips, dtype=torch.float64, device=ious.device).index_add_(0, clip_idx, ious.double()) / frames


class _Mean(Metric):
    """total / count, both summed over processes; no count gives 0."""

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        return self.total / self.count.clamp(min=1)


class FrameIoU(_Mean):
    """The mean over frames: what the project reports as mIoU."""

    def update(self, logits: Tensor, target: Tensor) -> None:
        self.total += mask_iou(logits, target).sum()
        self.count += len(logits)


class AVSBenchIoU(_Mean):
    """The mean over batches of the mean over frames: a last, smaller batch weighs as much as a full one."""

    def update(self, logits: Tensor, target: Tensor) -> None:
        self.total += mask_iou(logits, target).mean()
        self.count += 1


class AVSBenchF(_Mean):
    """The mean over batches of the best F of the batch's mean curve; a batch of empty masks counts as 0."""

    def update(self, logits: Tensor, target: Tensor) -> None:
        curves = f_curves(logits, target)
        if len(curves):
            self.total += curves.mean(0).max()
        self.count += 1


class FMeasure(Metric):
    """The best F of the mean curve over all frames that have a true mask."""

    full_state_update = False
    higher_is_better = True
    curve: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("curve", torch.zeros(THRESHOLDS, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, target: Tensor) -> None:
        curves = f_curves(logits, target)
        self.curve += curves.sum(0)
        self.count += len(curves)

    def compute(self) -> Tensor:
        return self.curve.max() / self.count.clamp(min=1)

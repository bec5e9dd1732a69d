"""AVSBench-semantic metrics, as AVSegFormer computes them: logits [B, C, H, W], masks [B, H, W].

Per frame and class, from the pixels of the arg-max: IoU = inter / (union + 2.2e-16), F = 1.3 P R / (0.3 P +
R) with P = inter / predicted and R = inter / true (0 where undefined). A class is averaged over the frames in
which it was predicted or true; then the mean over all C classes, where a class that never occurred counts as
0.

Three means: `miou` over all classes, `miou_foreground` without class 0, the background, and `miou_released`
without the *last* class, which is what the released code drops under the name of background. Frames that are
padding are counted by the released code and raise class 0; pass `valid` to leave them out.
"""

import torch
from torch import Tensor
from torchmetrics import Metric

EPSILON = 2.220446049250313e-16
BETA2 = 0.3
MEANS = {"": slice(None), "_foreground": slice(1, None), "_released": slice(None, -1)}


def semantic_counts(logits: Tensor, target: Tensor) -> Tensor:
    """[3, B, C] int64: pixels in both, predicted, true, of each frame and class."""
    classes = logits.shape[1]
    if logits.shape[:1] + logits.shape[2:] != target.shape:
        raise ValueError(
            f"SemanticIoU: found logits {tuple(logits.shape)} and masks {tuple(target.shape)}, "
            "expected [B, C, H, W] and [B, H, W]"
        )
    if int(target.max()) >= classes:
        raise ValueError(f"SemanticIoU: found class {int(target.max())} in a mask, expected 0 to {classes - 1}")
    predicted, truth = logits.detach().argmax(1).flatten(1), target.flatten(1).long()
    frame = torch.arange(len(target), device=target.device)[:, None] * classes

    def count(labels: Tensor, where: Tensor) -> Tensor:
        return torch.bincount((labels + frame)[where], minlength=len(target) * classes).reshape(-1, classes)

    everywhere = torch.ones_like(truth, dtype=torch.bool)
    return torch.stack([count(truth, predicted == truth), count(predicted, everywhere), count(truth, everywhere)])


class SemanticIoU(Metric):
    """{"iou": [C], "fscore_per_class": [C], "miou", "fscore", and both + "_foreground", "_released"}."""

    full_state_update = False
    higher_is_better = True
    iou: Tensor
    fscore: Tensor
    frames: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        for name in ("iou", "fscore", "frames"):
            self.add_state(name, torch.zeros(classes, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        if logits.shape[1] != self.classes:
            raise ValueError(f"SemanticIoU: found logits of {logits.shape[1]} classes, expected {self.classes}")
        if valid is not None:
            logits, target = logits[valid], target[valid]
        if not len(logits):
            return
        inter, predicted, truth = semantic_counts(logits, target).double()
        union = predicted + truth - inter
        precision, recall = inter / predicted, inter / truth
        self.iou += (inter / (union + EPSILON)).sum(0)
        self.fscore += ((1 + BETA2) * precision * recall / (BETA2 * precision + recall)).nan_to_num(0.0).sum(0)
        self.frames += (union > 0).sum(0)

    def compute(self) -> dict[str, Tensor]:
        iou, fscore = ((total / self.frames).nan_to_num(0.0) for total in (self.iou, self.fscore))
        result = {"iou": iou, "fscore_per_class": fscore}
        for suffix, kept in MEANS.items():
            result["miou" + suffix], result["fscore" + suffix] = iou[kept].mean(), fscore[kept].mean()
        return result

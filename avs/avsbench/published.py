"""Scores as they are published, beside the project's own: they depend on batches, or count padding, so they serve to
compare with papers only.

binary masks   miou_avsbench, fscore_avsbench: means over batches of two clips, as released test code takes them
avss           71 classes, mean over all (miou_71), without class 0, the background (miou_foreground), and without the
               last class, which released code drops in its stead (miou_released); the same of F. These leave frames of
               padding out; ``_padded`` counts each as a frame that is right all over, as AVSegFormer's test does.
"""

import torch
from torch import Tensor

from avs.avsbench.layout import CLASSES
from avs.losses.masks import foreground_logit
from avs.metrics import AVSBenchF, AVSBenchIoU
from avs.metrics_semantic import SemanticIoU

TEST_BATCH = 2  # clips


class PairsOfClips:
    """A batch of the metrics is two clips, however many frames come at once."""

    def __init__(self) -> None:
        self.iou, self.fscore = AVSBenchIoU(), AVSBenchF()
        self.pair = -1
        self.waiting: list[tuple[Tensor, Tensor]] = []

    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        scored = batch["labelled"]
        single, target = foreground_logit(logits)[scored], (batch["mask"][scored] > 0).long()
        pairs = clip_idx[scored.to(clip_idx.device)] // TEST_BATCH
        for pair in pairs.unique_consecutive().tolist():
            if pair != self.pair:
                self._flush()
                self.pair = pair
            rows = (pairs == pair).to(single.device)
            self.waiting.append((single[rows], target[rows]))

    def _flush(self) -> None:
        if self.waiting:
            logits, target = (torch.cat(part) for part in zip(*self.waiting, strict=True))
            for metric in (self.iou, self.fscore):
                metric.to(logits.device).update(logits, target)
        self.waiting = []

    def compute(self) -> dict[str, float]:
        self._flush()
        return {"miou_avsbench": float(self.iou.compute()), "fscore_avsbench": float(self.fscore.compute())}


class SeventyOne:
    """The scores of avss, without and with its frames of padding."""

    def __init__(self) -> None:
        self.real, self.padded = SemanticIoU(CLASSES), SemanticIoU(CLASSES)

    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        target, scored = batch["mask"], batch["labelled"]
        self.real.to(logits.device).update(logits, target, scored)
        # Logits of padding are set to 0, whose arg-max is class 0, and so is its mask.
        self.padded.to(logits.device).update(logits * scored[:, None, None, None], target)

    def compute(self) -> dict[str, float]:
        scores: dict[str, float] = {}
        for suffix, metric in (("", self.real), ("_padded", self.padded)):
            values = metric.compute()
            for score in ("miou", "fscore"):
                for ours, name in (("", "_71"), ("_foreground", "_foreground"), ("_released", "_released")):
                    scores[f"{score}{name}{suffix}"] = float(values[score + ours])
        # Padding touches class 0 only, which the foreground leaves out.
        del scores["miou_foreground_padded"], scores["fscore_foreground_padded"]
        return scores

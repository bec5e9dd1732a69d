"""Scores as they are published, beside the project's own: they depend on batches, or count padding, so they serve to
compare with papers only.

avsbench            miou_avsbench, fscore_avsbench: means over batches of two clips, as released test code takes them
avsbench_semantic   71 classes, mean over all (miou_71), without class 0, the background (miou_foreground), and without
                    the last class, which released code drops in its stead (miou_released); the same of F. These leave
                    frames of padding out; ``_padded`` counts each as a frame that is right all over, as AVSegFormer's
                    test does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from avs.avsbench import CLASSES
from avs.losses.masks import foreground_logit
from avs.metrics import AVSBenchF, AVSBenchIoU
from avs.metrics_semantic import SemanticIoU

TEST_BATCH = 2  # clips


class Meter(Protocol):
    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        """Frames in the split's order: their clips [B], logits [B, C, H, W] and batch."""

    def compute(self) -> dict[str, float]: ...


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
            self.iou.update(logits.cpu(), target.cpu())
            self.fscore.update(logits.cpu(), target.cpu())
        self.waiting = []

    def compute(self) -> dict[str, float]:
        self._flush()
        return {"miou_avsbench": float(self.iou.compute()), "fscore_avsbench": float(self.fscore.compute())}


class Classes:
    """``semantic_miou``, ``semantic_fscore``: all classes, over frames that exist."""

    def __init__(self, classes: int) -> None:
        self.metric = SemanticIoU(classes)

    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        self.metric.update(logits.cpu(), batch["mask"].cpu(), batch["labelled"].cpu())

    def compute(self) -> dict[str, float]:
        found = self.metric.compute()
        return {f"semantic_{key}": float(found[key]) for key in ("miou", "fscore")}


class SeventyOne:
    def __init__(self) -> None:
        self.real, self.padded = SemanticIoU(CLASSES), SemanticIoU(CLASSES)

    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        logits, target, scored = logits.cpu(), batch["mask"].cpu(), batch["labelled"].cpu()
        self.real.update(logits, target, scored)
        # Logits of padding are set to 0, whose arg-max is class 0, and so is its mask.
        self.padded.update(logits * scored[:, None, None, None], target)

    def compute(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for suffix, metric in (("", self.real), ("_padded", self.padded)):
            values = metric.compute()
            for score in ("miou", "fscore"):
                for ours, name in (("", "_71"), ("_foreground", "_foreground"), ("_released", "_released")):
                    found[f"{score}{name}{suffix}"] = float(values[score + ours])
        # Padding touches class 0 only, which the foreground leaves out.
        del found["miou_foreground_padded"], found["fscore_foreground_padded"]
        return found


PUBLISHED: dict[str, Callable[[], Meter]] = {"avsbench": PairsOfClips, "avsbench_semantic": SeventyOne}


def meters(protocol: str, classes: int) -> list[Meter]:
    """Those of a split with this protocol, and of masks with this many channels."""
    found: list[Meter] = [Classes(classes)] if classes > 1 else []
    return found + ([PUBLISHED[protocol]()] if protocol in PUBLISHED else [])

"""A meter sees every frame of a split in order, as it is scored, and gives scores by name."""

from typing import Protocol

from torch import Tensor

from avs.metrics_semantic import SemanticIoU


class Meter(Protocol):
    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        """Frames in the split's order: their clips [B], logits [B, C, H, W] and batch."""

    def compute(self) -> dict[str, float]: ...


class ClassMeter:
    """``semantic_miou``, ``semantic_fscore``: all classes, over frames that exist."""

    def __init__(self, classes: int) -> None:
        self.metric = SemanticIoU(classes)

    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        self.metric.to(logits.device).update(logits, batch["mask"], batch["labelled"])

    def compute(self) -> dict[str, float]:
        values = self.metric.compute()
        return {f"semantic_{key}": float(values[key]) for key in ("miou", "fscore")}

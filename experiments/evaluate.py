"""A network on a split: mIoU and F as AVSBench defines them, per clip too, and the counterfactual sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from avs.clip import Clips
from avs.counterfactual import counterfactual_batch, donors
from avs.losses import foreground_logit
from avs.metrics import FMeasure, clip_iou, mask_iou
from avs.metrics_semantic import SemanticIoU
from experiments.errors import UserError

CHUNK = 50
COUNTERFACTUALS = ("other", "swap", "mute")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """``per_clip`` [N]: mean frame IoU of each clip, for intervals and bootstraps."""

    miou: float
    fscore: float
    per_clip: Tensor


def predict(module: fx.GraphModule, batch: dict[str, Tensor]) -> Tensor:
    return module(image=batch["image"], logmel=batch["logmel"])["mask"]


def frame_batches(clips: Clips) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Every frame of a split in order: (clip index [B], batch)."""
    frames = clips.frames_per_clip
    clip_idx = torch.arange(len(clips)).repeat_interleave(frames)
    frame_idx = torch.arange(frames).repeat(len(clips))
    for rows in torch.arange(len(clip_idx)).split(CHUNK):
        yield clip_idx[rows], clips.frame_batch(clip_idx[rows], frame_idx[rows])


@torch.no_grad()
def score(module: fx.GraphModule, clips: Clips) -> Scores:
    """Frame-mean IoU and order-independent F of the foreground over all frames of the split."""
    module.eval()
    ious, owners, fscore = [], [], FMeasure()
    for clip_idx, batch in frame_batches(clips):
        logits, target = foreground_logit(predict(module, batch)), (batch["mask"] > 0).long()
        ious.append(mask_iou(logits, target))
        owners.append(clip_idx)
        fscore.update(logits, target)
    per_frame = torch.cat(ious)
    per_clip = clip_iou(per_frame, torch.cat(owners), len(clips))
    return Scores(miou=float(per_frame.mean()), fscore=float(fscore.compute()), per_clip=per_clip)


@torch.no_grad()
def counterfactual(module: fx.GraphModule, clips: Clips, kind: str, *, seed: int = 0) -> float:
    """mIoU under another sound; the donor list depends on the seed alone."""
    module.eval()
    listed = donors(clips, kind, seed)
    ious = []
    for rows in torch.arange(len(listed)).split(CHUNK):
        batch = counterfactual_batch(clips, listed, rows)
        logits = foreground_logit(predict(module, batch))
        ious.append(mask_iou(logits, (batch["mask"] > 0).long()))
    return float(torch.cat(ious).mean())


def require_donors(clips: Clips, key: str) -> None:
    """Fail before training, not after it, where a split is too small to lend sounds."""
    for kind in COUNTERFACTUALS:
        try:
            donors(clips, kind, 0)
        except ValueError as error:
            raise UserError(f"{key} is {len(clips)}, too few for the '{kind}' sounds: {error}") from error


@torch.no_grad()
def semantic(module: fx.GraphModule, clips: Clips, classes: int) -> dict[str, float]:
    """The 1 + C class mIoU and F of the semantic variant."""
    module.eval()
    metric = SemanticIoU(classes)
    for _, batch in frame_batches(clips):
        metric.update(predict(module, batch), batch["mask"])
    found = metric.compute()
    return {f"semantic_{k}": float(found[k]) for k in ("miou", "fscore")}


def all_scores(module: fx.GraphModule, clips: Clips) -> dict[str, Any]:
    """The mIoU keys of ``metrics.json``."""
    base = score(module, clips)
    found: dict[str, Any] = {"clips": len(clips), "miou": base.miou, "fscore": base.fscore}
    for kind in COUNTERFACTUALS:
        found[f"miou_{kind}_audio"] = counterfactual(module, clips, kind)
    found["miou_per_clip"] = [round(float(v), 6) for v in base.per_clip]
    return found

"""A network on a split: mIoU and F as AVSBench defines them, per clip too, and the counterfactual sounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from avs.clip import Clips, knows_objects
from avs.counterfactual import counterfactual_clips, donors
from avs.losses.masks import foreground_logit
from avs.meter import ClassMeter, Meter
from avs.metrics import FMeasure, clip_iou, mask_iou
from avs.split import Split
from experiments.device import moved
from experiments.errors import UserError
from graph.lower import Network, where

CHUNK = 50
COUNTERFACTUALS = ("other", "swap", "mute")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """``per_clip`` [N]: mean frame IoU of each clip, for intervals and bootstraps."""

    miou: float
    fscore: float
    per_clip: Tensor


def predict(module: Network, batch: dict[str, Tensor]) -> Tensor:
    return module(image=batch["image"], logmel=batch["logmel"])["mask"]


def frame_batches(clips: Split, device: torch.device) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Every frame of a split in order: (clip index [B], batch), on the device."""
    frames = clips.frames_per_clip
    clip_idx = torch.arange(len(clips)).repeat_interleave(frames)
    frame_idx = torch.arange(frames).repeat(len(clips))
    for rows in torch.arange(len(clip_idx)).split(max(1, CHUNK // frames) * frames):
        batch = clips.frame_batch(clip_idx[rows], frame_idx[rows])
        yield clip_idx[rows].to(device), moved(batch, device)


@torch.no_grad()
def score(module: Network, clips: Split, meters: Sequence[Meter] = ()) -> Scores:
    """Frame-mean IoU and order-independent F of the foreground over all frames of the split that have a true mask;
    ``meters`` see every frame."""
    module.eval()
    device = where(module)
    ious, owners, fscore = [], [], FMeasure().to(device)
    for clip_idx, batch in frame_batches(clips, device):
        predicted, scored = predict(module, batch), batch["labelled"]
        for meter in meters:
            meter.update(clip_idx, predicted, batch)
        if not scored.any():
            continue
        logits, target = foreground_logit(predicted)[scored], (batch["mask"][scored] > 0).long()
        ious.append(mask_iou(logits, target))
        owners.append(clip_idx[scored])
        fscore.update(logits, target)
    per_frame = torch.cat(ious)
    per_clip = clip_iou(per_frame, torch.cat(owners), len(clips)).cpu()
    return Scores(miou=float(per_frame.mean()), fscore=float(fscore.compute()), per_clip=per_clip)


@torch.no_grad()
def counterfactual(module: Network, clips: Clips, kind: str, *, seed: int = 0) -> float:
    """mIoU under another sound; the donor list depends on the seed alone."""
    module.eval()
    device = where(module)
    listed = donors(clips, kind, seed)
    ious = []
    for clip_idx in listed.clip_idx.unique().split(max(1, CHUNK // clips.frames_per_clip)):
        batch, rows, places = counterfactual_clips(clips, listed, clip_idx)
        logits = foreground_logit(predict(module, moved(batch, device)))[places.to(device)]
        ious.append(mask_iou(logits, (listed.masks[rows] > 0).long().to(device)))
    return float(torch.cat(ious).mean())


def require_donors(clips: Clips, key: str) -> None:
    """Fail before training, not after it, where a split is too small to lend sounds."""
    for kind in COUNTERFACTUALS:
        try:
            donors(clips, kind, 0)
        except ValueError as error:
            raise UserError(f"{key} is {len(clips)}, too few for the '{kind}' sounds: {error}") from error


def all_scores(module: Network, clips: Split, classes: int = 1) -> dict[str, Any]:
    """The mIoU keys of ``metrics.json``, with those scores and other sounds that the split says it has. ``classes``:
    channels of the mask."""
    meters: list[Meter] = [*([ClassMeter(classes)] if classes > 1 else []), *clips.meters()]
    base = score(module, clips, meters)
    scores: dict[str, Any] = {"clips": len(clips), "miou": base.miou, "fscore": base.fscore}
    for meter in meters:
        scores.update(meter.compute())
    if knows_objects(clips):
        for kind in COUNTERFACTUALS:
            scores[f"miou_{kind}_audio"] = counterfactual(module, clips, kind)
    for kind, other in clips.resounded().items():
        scores[f"miou_{kind}_audio"] = score(module, other).miou
    scores["miou_per_clip"] = [round(float(v), 6) for v in base.per_clip]
    return scores

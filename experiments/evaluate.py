"""A network on a split: mIoU and F as AVSBench defines them, per clip too, and the counterfactual sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avs.clip import Clips, knows_objects
from avs.counterfactual import counterfactual_clips, donors
from avs.losses.masks import foreground_logit
from avs.meter import ClassMeter, Meter
from avs.metrics import FMeasure, clip_iou, mask_iou
from avs.split import Split
from experiments.device import moved
from experiments.errors import UserError
from experiments.training import processes
from experiments.training.loader import Frames, Reading, items
from graph.lower import Network, where

CHUNK = 50
COUNTERFACTUALS = ("other", "swap", "mute")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """``per_clip`` [N]: mean frame IoU of each clip, for intervals and bootstraps."""

    miou: float
    fscore: float
    per_clip: Tensor


def predict(module: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return module(image=batch["image"], logmel=batch["logmel"])["mask"]


class EveryFrame(Sequence[Frames]):
    """(clip, frame) of all frames of some clips in order, whole clips together, about ``CHUNK`` frames at once."""

    def __init__(self, clip_idx: Tensor, frames: int) -> None:
        self.parts, self.frames = clip_idx.split(max(1, CHUNK // frames)), frames

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> Frames:  # type: ignore[override]
        clip_idx = self.parts[number]
        return clip_idx.repeat_interleave(self.frames), torch.arange(self.frames).repeat(len(clip_idx))


def own_part(clips: int) -> Tensor:
    """The clips that this process scores: a block of neighbours, an even number of them, since a published metric
    takes them in pairs."""
    block = 2 * math.ceil(clips / 2 / processes.world())
    return torch.arange(clips)[processes.rank() * block :][:block]


@torch.no_grad()
def score(module: nn.Module, clips: Split, meters: Sequence[Meter] = (), *, workers: int = 0) -> Scores:
    """Frame-mean IoU and order-independent F of the foreground over all frames of the split that have a true mask;
    ``meters`` see every frame. Each process scores its part, and all of them know the whole."""
    module.eval()
    device, frames = where(module), clips.frames_per_clip
    ious = torch.zeros(len(clips), frames, dtype=torch.float64, device=device)
    seen = torch.zeros_like(ious)
    fscore = FMeasure().to(device)
    for clip_idx, content in items(Reading(clips, EveryFrame(own_part(len(clips)), frames)), workers, device):
        batch = moved(content, device)
        predicted, scored = predict(module, batch), batch["labelled"]
        for meter in meters:
            meter.update(clip_idx.to(device), predicted, batch)
        if not scored.any():
            continue
        logits, target = foreground_logit(predicted)[scored], (batch["mask"][scored] > 0).long()
        place = clip_idx[::frames].to(device)
        rows = scored.reshape(-1, frames)
        ious[place] = ious[place].masked_scatter(rows, mask_iou(logits, target))
        seen[place] = rows.double()
        fscore.update(logits, target)
    ious, has_score = processes.total(ious), processes.total(seen) > 0
    per_frame, owners = ious[has_score], has_score.nonzero()[:, 0]
    per_clip = clip_iou(per_frame, owners, len(clips)).cpu()
    return Scores(miou=float(per_frame.mean()), fscore=float(fscore.compute()), per_clip=per_clip)


@torch.no_grad()
def counterfactual(module: Network, clips: Clips, kind: str, *, seed: int = 0) -> float:
    """mIoU under another sound; the donor list depends on the seed alone."""
    module.eval()
    device = where(module)
    listed = donors(clips, kind, seed)
    total = torch.zeros(2, dtype=torch.float64, device=device)
    wanted = listed.clip_idx.unique()
    own = wanted.tensor_split(processes.world())[processes.rank()]
    for clip_idx in own.split(max(1, CHUNK // clips.frames_per_clip)):
        batch, rows, places = counterfactual_clips(clips, listed, clip_idx)
        logits = foreground_logit(predict(module, moved(batch, device)))[places.to(device)]
        iou = mask_iou(logits, (listed.masks[rows] > 0).long().to(device))
        total += torch.stack([iou.sum(), torch.tensor(float(len(iou)), dtype=total.dtype, device=device)])
    total = processes.total(total)
    return float(total[0] / total[1])


def require_donors(clips: Clips, key: str) -> None:
    """Fail before training, not after it, where a split is too small to lend sounds."""
    for kind in COUNTERFACTUALS:
        try:
            donors(clips, kind, 0)
        except ValueError as error:
            raise UserError(f"{key} is {len(clips)}, too few for the '{kind}' sounds: {error}") from error


def all_scores(module: Network, clips: Split, classes: int = 1, *, workers: int = 0) -> dict[str, Any]:
    """The mIoU keys of ``metrics.json``, with those scores and other sounds that the split says it has. ``classes``:
    channels of the mask."""
    meters: list[Meter] = [*([ClassMeter(classes)] if classes > 1 else []), *clips.meters()]
    base = score(module, clips, meters, workers=workers)
    scores: dict[str, Any] = {"clips": len(clips), "miou": base.miou, "fscore": base.fscore}
    for meter in meters:
        scores.update(meter.compute())
    if knows_objects(clips):
        for kind in COUNTERFACTUALS:
            scores[f"miou_{kind}_audio"] = counterfactual(module, clips, kind)
    for kind, other in clips.resounded().items():
        scores[f"miou_{kind}_audio"] = score(module, other, workers=workers).miou
    scores["miou_per_clip"] = [round(float(v), 6) for v in base.per_clip]
    return scores

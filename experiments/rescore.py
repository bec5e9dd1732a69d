"""The counted clips are scored again, on the network that is counted: another mIoU than ``metrics.json`` claims for
these clips is refused.

A digest binds files; this binds the claim. Folding moves some counts of a network of several steps, and another
processor rounds differently, so the two may differ by ``TOLERANCE``, not more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from avs.losses.masks import foreground_logit
from avs.metrics import mask_iou
from experiments.errors import UserError

TOLERANCE = 0.01


@dataclass
class Rescore:
    """``name``: of the run. ``claimed``: its ``miou_per_clip``. Clips come in order, ``frames`` frames each; ``whole``
    [N]: which have no more, so that the claim is of the same frames."""

    name: str
    claimed: list[float]
    frames: int
    whole: Tensor
    ious: list[Tensor] = field(default_factory=list)
    seen: list[Tensor] = field(default_factory=list)

    def update(self, batch: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> None:
        """Masks of whole clips; frames without a true mask do not count."""
        labelled = batch["labelled"]
        iou = mask_iou(foreground_logit(outputs["mask"]), (batch["mask"] > 0).long())
        self.ious.append(torch.where(labelled, iou, 0.0).double().cpu())
        self.seen.append(labelled.double().cpu())

    def per_clip(self) -> Tensor:
        """[N]: mean IoU of the frames of each clip that have a mask."""
        total, seen = (torch.cat(parts).reshape(-1, self.frames).sum(1) for parts in (self.ious, self.seen))
        return total / seen

    def miou(self) -> float:
        """Of the counted clips, or an error where it is not what the run claims."""
        per_clip = self.per_clip()
        scored = per_clip.isfinite()
        if not scored.any():
            raise UserError(f"run '{self.name}': none of the {len(per_clip)} counted clips has a mask, expected some")
        same = scored & self.whole[: len(per_clip)]
        now = float(per_clip[same].mean())
        before = float(torch.tensor(self.claimed, dtype=torch.float64)[: len(per_clip)][same].mean())
        if same.any() and not abs(now - before) <= TOLERANCE:
            raise UserError(
                f"run '{self.name}' scores mIoU {now:.4f} on the {len(per_clip)} clips that are counted, but its "
                f"metrics.json says {before:.4f} for them, expected at most {TOLERANCE} between; run its mode again"
            )
        return float(per_clip[scored].mean())

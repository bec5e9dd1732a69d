"""Losses of a mask [B, H, W]: logits [B, H, W] (binary), or [B, C, H, W] against class indices (semantic).

    dice   mean over frames of 1 - 2 sum(p g) / (sum(p^2) + 0.001 + sum(g^2) + 0.001),  p = sigmoid(logit)
    bce    -mean(w g ln p + (1 - g) ln(1 - p)),  w = pos_weight
    ce     cross-entropy over classes; background is class 0

`mixed` is their weighted sum. In a semantic task dice and bce read the foreground logit, ln(sum of the
classes' exponentials) - background, whose sigmoid is the softmax's probability of not being background.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

DICE_SMOOTH = 0.001


@dataclass(frozen=True, kw_only=True)
class LossSpec:
    """Weights of the parts; a part of weight 0 is not computed."""

    dice: float = 1.0
    bce: float = 1.0
    ce: float = 0.0
    pos_weight: float = 2.0

    def __post_init__(self) -> None:
        for key in ("dice", "bce", "ce"):
            if getattr(self, key) < 0:
                raise ValueError(f"loss.{key}: found {getattr(self, key)}, expected a weight of 0 or more")
        if self.pos_weight <= 0:
            raise ValueError(
                f"loss.pos_weight: found {self.pos_weight}, expected more than 0; 1 weighs both sides alike"
            )
        if not any((self.dice, self.bce, self.ce)):
            raise ValueError("loss: found all of dice, bce and ce at 0, expected one above 0")


def dice_loss(probability: Tensor, target: Tensor) -> Tensor:
    p, g = probability.flatten(1).float(), (target.flatten(1) > 0).float()
    overlap, total = (p * g).sum(1), (p * p).sum(1) + DICE_SMOOTH + (g * g).sum(1) + DICE_SMOOTH
    return (1 - 2 * overlap / total).mean()


def bce_loss(logits: Tensor, target: Tensor, pos_weight: float = 1.0) -> Tensor:
    weight = torch.tensor(pos_weight, device=logits.device)
    return functional.binary_cross_entropy_with_logits(logits.float(), (target > 0).float(), pos_weight=weight)


def ce_loss(logits: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(logits.float(), target.long())


def foreground_logit(logits: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H, W]; a binary [B, H, W] or [B, 1, H, W] is its own."""
    if logits.ndim == 3 or logits.shape[1] == 1:
        return logits if logits.ndim == 3 else logits[:, 0]
    return logits[:, 1:].float().logsumexp(1) - logits[:, 0].float()


def feature_dice(mask_feature: Tensor, target: Tensor) -> Tensor:
    """AVSegFormer's auxiliary term: dice of a feature's [B, C, h, w] channel mean, upsampled."""
    mean = mask_feature.mean(1, keepdim=True)
    return dice_loss(functional.interpolate(mean, target.shape[-2:], mode="bilinear").sigmoid()[:, 0], target)


def mixed(logits: Tensor, target: Tensor, spec: LossSpec) -> dict[str, Tensor]:
    """{"loss": the weighted sum, and each part that has a weight}."""
    if spec.ce and (logits.ndim != 4 or logits.shape[1] < 2):
        raise ValueError(
            f"loss.ce: found logits {tuple(logits.shape)}, expected [B, C > 1, H, W]; set it to 0 if binary"
        )
    single = foreground_logit(logits)
    parts: dict[str, Callable[[], Tensor]] = {
        "dice": lambda: dice_loss(single.float().sigmoid(), target),
        "bce": lambda: bce_loss(single, target, spec.pos_weight),
        "ce": lambda: ce_loss(logits, target),
    }
    values = {name: part() for name, part in parts.items() if getattr(spec, name)}
    return {
        "loss": torch.stack([getattr(spec, name) * value for name, value in values.items()]).sum(),
        **values,
    }

"""Losses of a mask [B, H, W]: logits [B, H, W] (binary), or [B, C, H, W] against class indices (semantic).

    dice      mean over frames of 1 - 2 sum(p g) / (sum(p^2) + 0.001 + sum(g^2) + 0.001),  p = sigmoid(logit)
    bce       -mean(w g ln p + (1 - g) ln(1 - p)),  w = pos_weight
    ce        cross-entropy over classes; background is class 0
    feature   dice of the channel mean of the mask feature [B, C, h, w], upsampled

`mixed` is their weighted sum; `objective` adds what reads other outputs of a network. In a semantic task dice and
bce read the foreground logit, ln(sum of the classes' exponentials) - background, whose sigmoid is the softmax's
probability of not being background.

The published recipes, as values of ``loss`` and ``information``; what is not named is 0:

    AVSegFormer, S4 and MS3        dice 1, feature 0.1
    AVSegFormer, AVSS              ce 1, feature 0.1
    MI-AVS, S4 (as released)       dice 1, feature 0.1
    MI-AVS, MS3, and S4 spiking    dice 1; information: estimator released, weight 0.1
    ETAVS, S4 / MS3 / AVSS         dice 1 / dice 1, bce 1, pos_weight 1 / ce 1
    AV2TS                          set 1
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

DICE_SMOOTH = 0.001
EXTRA = "loss_"
OF_A_MASK = ("dice", "bce", "ce", "feature", "set")


@dataclass(frozen=True, kw_only=True)
class LossSpec:
    """Weights of the parts; a part of weight 0 is not computed.

    ``set``: the set prediction loss (`set_loss`), for a network with queries. ``extra``: outputs of the network
    that are losses of its own (``loss_*``), such as a codebook's.
    """

    dice: float = 1.0
    bce: float = 1.0
    ce: float = 0.0
    pos_weight: float = 2.0
    feature: float = 0.0
    set: float = 0.0
    extra: float = 1.0

    def __post_init__(self) -> None:
        for key in (*OF_A_MASK, "extra"):
            if not getattr(self, key) >= 0:
                raise ValueError(f"loss.{key}: found {getattr(self, key)}, expected a weight of 0 or more")
        if not self.pos_weight > 0:
            raise ValueError(
                f"loss.pos_weight: found {self.pos_weight}, expected more than 0; 1 weighs both sides alike"
            )
        if not any(getattr(self, key) for key in OF_A_MASK):
            raise ValueError(f"loss: found all of {', '.join(OF_A_MASK)} at 0, expected one above 0")


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
    mean = mask_feature.float().mean(1, keepdim=True)
    return dice_loss(functional.interpolate(mean, target.shape[-2:], mode="bilinear").sigmoid()[:, 0], target)


def mixed(logits: Tensor, target: Tensor, spec: LossSpec, feature: Tensor | None = None) -> dict[str, Tensor]:
    """{"loss": the weighted sum, and each part that has a weight}; ``feature``: [B, C, h, w], for `feature_dice`."""
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
    if feature is not None:
        parts["feature"] = lambda: feature_dice(feature, target)
    elif spec.feature:
        raise ValueError(f"loss.feature: found no mask feature for its weight {spec.feature}, expected [B, C, h, w]")
    values = {name: part() for name, part in parts.items() if getattr(spec, name)}
    weighted = [getattr(spec, name) * value for name, value in values.items()]
    return {"loss": torch.stack(weighted or [0.0 * logits.float().sum()]).sum(), **values}


def extra_losses(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean over rows of every output ``loss_<name>`` ([B, 1]: one number a row), by name."""
    return {name.removeprefix(EXTRA): value.float().mean() for name, value in outputs.items() if name.startswith(EXTRA)}

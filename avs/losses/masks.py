"""Losses of a mask [B, H, W]: logits [B, H, W] (binary), or [B, C, H, W] against class indices (semantic).

    dice      mean over frames of 1 - 2 sum(p g) / (sum(p^2) + 0.001 + sum(g^2) + 0.001),  p = sigmoid(logit)
    bce       -mean(w g ln p + (1 - g) ln(1 - p)),  w = pos_weight
    ce        cross-entropy over classes; background is class 0
    feature   dice of the channel mean of the mask feature [B, C, h, w], upsampled

`mixed` is their weighted sum; `objective` adds what reads other outputs of a network. In a semantic task dice and
bce read the foreground logit, ln(sum of the classes' exponentials) - background, whose sigmoid is the softmax's
probability of not being background.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from avs.losses.spec import EXTRA, LossSpec
from avs.precision import exact

DICE_SMOOTH = 0.001


def dice_loss(probability: Tensor, target: Tensor) -> Tensor:
    p = exact(probability.flatten(1))
    g = (target.flatten(1) > 0).to(p)
    overlap, total = (p * g).sum(1), (p * p).sum(1) + DICE_SMOOTH + (g * g).sum(1) + DICE_SMOOTH
    return (1 - 2 * overlap / total).mean()


def bce_loss(logits: Tensor, target: Tensor, pos_weight: float = 1.0) -> Tensor:
    x = exact(logits)
    return functional.binary_cross_entropy_with_logits(x, (target > 0).to(x), pos_weight=x.new_tensor(pos_weight))


def ce_loss(logits: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(exact(logits), target.long())


def foreground_logit(logits: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H, W]; a binary [B, H, W] or [B, 1, H, W] is its own."""
    if logits.ndim == 3 or logits.shape[1] == 1:
        return logits if logits.ndim == 3 else logits[:, 0]
    x = exact(logits)
    return x[:, 1:].logsumexp(1) - x[:, 0]


def feature_dice(mask_feature: Tensor, target: Tensor) -> Tensor:
    """AVSegFormer's auxiliary term: dice of a feature's [B, C, h, w] channel mean, upsampled."""
    mean = exact(mask_feature).mean(1, keepdim=True)
    return dice_loss(functional.interpolate(mean, target.shape[-2:], mode="bilinear").sigmoid()[:, 0], target)


def mixed(logits: Tensor, target: Tensor, spec: LossSpec, feature: Tensor | None = None) -> dict[str, Tensor]:
    """{"loss": the weighted sum, and each part that has a weight}; ``feature``: [B, C, h, w], for `feature_dice`."""
    if spec.ce and (logits.ndim != 4 or logits.shape[1] < 2):
        raise ValueError(
            f"loss.ce: found logits {tuple(logits.shape)}, expected [B, C > 1, H, W]; set it to 0 if binary"
        )
    single = foreground_logit(logits)
    parts: dict[str, Callable[[], Tensor]] = {
        "dice": lambda: dice_loss(exact(single).sigmoid(), target),
        "bce": lambda: bce_loss(single, target, spec.pos_weight),
        "ce": lambda: ce_loss(logits, target),
    }
    if feature is not None:
        parts["feature"] = lambda: feature_dice(feature, target)
    elif spec.feature:
        raise ValueError(f"loss.feature: found no mask feature for its weight {spec.feature}, expected [B, C, h, w]")
    values = {name: part() for name, part in parts.items() if getattr(spec, name)}
    weighted = [getattr(spec, name) * value for name, value in values.items()]
    return {"loss": torch.stack(weighted or [0.0 * exact(logits).sum()]).sum(), **values}


def extra_losses(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean over rows of every output ``loss_<name>`` ([B, 1]: one number a row), by name."""
    return {name.removeprefix(EXTRA): exact(value).mean() for name, value in outputs.items() if name.startswith(EXTRA)}

"""A network's outputs -> the loss to minimise: the mask's own parts, the set prediction loss, losses of its own.

    loss = mixed(mask, mask feature) + w_set set_loss(queries) + w_extra sum of loss_*

Only labelled frames have a mask to compare with; the network's own losses, and the one between frames, read them all.
A batch without a labelled frame gives 0 for everything that needs a mask.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from avs.losses.masks import extra_losses, mixed
from avs.losses.set_loss import heads_of, set_loss
from avs.losses.spec import LossSpec, check, feature_of
from avs.precision import exact


def objective(
    outputs: Mapping[str, Tensor],
    target: Tensor,
    spec: LossSpec,
    *,
    clip: Tensor,
    generator: torch.Generator,
    labelled: Tensor | None = None,
) -> dict[str, Tensor]:
    """Outputs by name, target [B, H, W], clip [B], labelled [B] bool (None: all) -> {"loss", and each part}."""
    check(spec, outputs)
    parts: dict[str, Tensor] = {"loss": 0.0 * exact(outputs["mask"]).sum()}
    if labelled is None or labelled.any():
        logits, mask = _rows(outputs["mask"], labelled), _rows(target, labelled)
        feature = _rows(outputs[feature_of(outputs)], labelled) if spec.feature else None
        parts = mixed(logits if logits.shape[1] > 1 else logits[:, 0], mask, spec, feature)
        if spec.set:
            terms = set_loss(heads_of(outputs), target, clip=clip, generator=generator, labelled=labelled)
            parts = {**parts, **terms, "loss": parts["loss"] + spec.set * terms["set"]}
    if spec.extra:
        own = extra_losses(outputs)
        parts = {**parts, **own, "loss": parts["loss"] + spec.extra * sum(own.values())}
    return parts


def _rows(value: Tensor, labelled: Tensor | None) -> Tensor:
    return value if labelled is None else value[labelled.to(value.device)]

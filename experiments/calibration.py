"""Steps of a conversion as ``--calibrate`` says: by a percentile of values, or by what the masks are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from avs.losses.distil import logits_loss
from convert.calibrate import How, calibrate, calibrate_best
from graph.lower import Network


@torch.no_grad()
def set_steps(
    ann: Network,
    spiking: Network,
    frames: dict[str, Tensor],
    percentile: float,
    how: How,
    mask: Callable[[Network], Tensor],
) -> float:
    """-> the percentile. 0: of several the one that brings the masks nearest to the ANN's; ``mask``: of one network,
    logits of the frames."""
    if percentile:
        calibrate(ann, spiking, frames, percentile, how)
        return percentile
    wanted = mask(ann)
    return calibrate_best(ann, spiking, frames, lambda tried: float(logits_loss(mask(tried), wanted)), how=how)

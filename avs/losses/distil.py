"""A student follows a teacher that saw and heard the same.

logits    KL(teacher, student) of each pixel, by sigmoid or, over classes, by softmax (Hinton et al., 2015)
features  mean over maps and pixels of |s / |s| - t / |t||^2 over the channels: their directions, whatever the strength
          (FitNets' hints, Romero et al., ICLR 2015, without a regressor, as teacher and student are one graph)

Both are 0 where the two agree.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from avs.losses.spec import DistilSpec
from avs.precision import exact

MAPS = ("level_", "mask_feature")  # outputs that are features, by how their names begin


def logits_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """[B, H, W] or [B, 1, H, W] binary, [B, C, H, W] over classes."""
    s, t = exact(student), exact(teacher)
    if s.ndim == 3 or s.shape[1] == 1:
        p = t.sigmoid()
        own = functional.binary_cross_entropy_with_logits(t, p)
        return functional.binary_cross_entropy_with_logits(s, p) - own
    log_p = t.log_softmax(1)
    return (log_p.exp() * (log_p - s.log_softmax(1))).sum(1).mean()


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """[B, C, h, w]."""
    s, t = (functional.normalize(exact(x), dim=1, eps=1e-6) for x in (student, teacher))
    return (s - t).square().sum(1).mean()


def features_of(outputs: Mapping[str, object]) -> list[str]:
    return [name for name in outputs if name.startswith(MAPS)]


def distil(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], spec: DistilSpec) -> dict[str, Tensor]:
    """{"loss": the weighted sum, and each part that has a weight}."""
    parts, total = {}, exact(student["mask"]).new_zeros(())
    if spec.logits:
        parts["distil_logits"] = logits_loss(student["mask"], teacher["mask"])
        total = total + spec.logits * parts["distil_logits"]
    if spec.features:
        names = features_of(student)
        parts["distil_features"] = torch.stack([feature_loss(student[name], teacher[name]) for name in names]).mean()
        total = total + spec.features * parts["distil_features"]
    return {"loss": total, **parts}

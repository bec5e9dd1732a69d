"""The published MI-AVS code's "mutual information" of a score map, for comparison with the bounds in `estimators`.

With m the map's scores [B, h, w], min-max normalised over the whole batch, and a pixel of the map positive where more
than 0.4 of the mask's pixels in it are foreground:

    Ep - Eq,   Ep = mean of m over positive pixels,   Eq = sum over all pixels of ln(e^m [negative] + 1e-6) / negatives

The logarithm stands inside the sum, so with P positive and N negative pixels this is, within 1e-6,

    mean_positive m - mean_negative m - (P / N) ln 1e-6

a contrast of two means, plus a number without a gradient. No sound but a pixel's own ever enters: it bounds nothing.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from avs.precision import exact

POSITIVE = 0.4
EPSILON = 1e-6


def normalised(score: Tensor) -> Tensor:
    """Onto 0..1 by the extremes of the whole tensor; a constant one becomes 0."""
    low, high = score.amin(), score.amax()
    spread = high - low
    return (score - low) / spread.where(spread > 0, torch.ones_like(spread))


def released(score: Tensor, mask: Tensor, labelled: Tensor | None = None) -> Tensor:
    """Score [B, h, w], mask [B, H, W], labelled [B] bool -> the value that the published loss is minus of.

    Unlabelled frames take part in the normalisation only. Without a positive or without a negative pixel the formula
    divides by 0: the value is then 0, with zero gradient.
    """
    whole = exact(score)
    m = normalised(whole)
    share = functional.adaptive_avg_pool2d((mask > 0).to(m)[:, None], (m.shape[-2], m.shape[-1]))[:, 0]
    if labelled is not None:
        kept = labelled.to(m.device)
        m, share = m[kept], share[kept]
    positive = share > POSITIVE
    above, below = m[positive], m[~positive]
    if not len(above) or not len(below):
        return 0.0 * whole.sum()
    return above.mean() - (below.exp() + EPSILON).log().mean() - len(above) / len(below) * math.log(EPSILON)

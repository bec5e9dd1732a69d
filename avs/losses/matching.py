"""Which query answers for which mask: the cheapest one-to-one assignment (Carion et al. 2020, Cheng et al. 2022).

    cost(query, mask) = w_class (-softmax(class logits)[class of the mask]) + w_mask bce + w_dice dice,  at points

bce is the mean over the points; dice = 1 - (2 sum(p g) + 1) / (sum(p) + sum(g) + 1). Q queries, M masks, P points.
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional


def class_masks(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mask [H, W] of class indices -> labels [M] of those present, in order, and their masks [M, H, W] float.

    Background is class 0, and answered for like any other; a frame without an object has this one mask.
    """
    labels = mask.long().unique()
    return labels, (mask == labels[:, None, None]).float()


def pair_dice(logits: Tensor, target: Tensor) -> Tensor:
    """[Q, P] and [M, P] -> [Q, M]."""
    p = logits.sigmoid()
    return 1 - (2 * p @ target.T + 1) / (p.sum(1)[:, None] + target.sum(1)[None] + 1)


def pair_bce(logits: Tensor, target: Tensor) -> Tensor:
    """[Q, P] and [M, P] -> [Q, M]."""
    against = functional.softplus(logits)
    # softplus(-x) = softplus(x) - x, so a pixel of the mask costs x less than one that is not of it.
    return (against.sum(1)[:, None] - logits @ target.T) / logits.shape[1]


def costs(
    class_logits: Tensor, logits: Tensor, labels: Tensor, target: Tensor, weights: tuple[float, float, float]
) -> Tensor:
    """Class logits [Q, K + 1], mask logits [Q, P], labels [M], masks [M, P]; weights of class, bce, dice -> [Q, M]."""
    of_class, of_bce, of_dice = weights
    chance = class_logits.float().softmax(1)[:, labels]
    return of_bce * pair_bce(logits, target) + of_dice * pair_dice(logits, target) - of_class * chance


def cheapest(cost: Tensor) -> tuple[Tensor, Tensor]:
    """Cost [Q, M] -> indices of min(Q, M) queries, and of the masks that they answer for, in the masks' order: what is
    drawn for them later does not depend on the order of queries."""
    masks, queries = linear_sum_assignment(cost.detach().double().cpu().numpy().T)
    return torch.as_tensor(queries, device=cost.device), torch.as_tensor(masks, device=cost.device)

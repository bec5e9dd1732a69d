"""The set prediction loss of Mask2Former (Cheng et al. 2022) over frames, with COMBO's loss between them: AV2TS's.

A head gives class logits [B, Q, K + 1], the last of which is "no object", and mask logits [B, Q, h, w]; every class in
a frame's mask [B, H, W] is one mask to find. Per head, with its own matching, over labelled frames:

    2 ce + 5 bce + 5 dice     ce over all queries (an unmatched one is "no object", weight 0.1); bce and dice over
                              matched masks, at points, 3/4 of them where the mask is least certain

    10 mean d e^-d            over adjacent frames of a clip, labelled or not; d = 1 - cosine of all queries' masks; the
                              last head is left free

Heads are summed, all with the same weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from avs.losses.matching import cheapest, class_masks, costs
from avs.losses.points import uncertain_points, uniform_points, values_at
from avs.losses.spec import CLASS, MASK

Head = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class SetSpec:
    """``points``: at most as many as the mask has pixels. ``no_object``: weight of that class in ce."""

    ce: float = 2.0
    bce: float = 5.0
    dice: float = 5.0
    frames: float = 10.0
    no_object: float = 0.1
    points: int = 12544
    oversample: float = 3.0
    importance: float = 0.75


def heads_of(outputs: Mapping[str, Tensor]) -> list[Head]:
    """Every head that the network publishes, the final one last."""
    depths = sorted(int(name.removeprefix(CLASS)) for name in outputs if name.startswith(CLASS))
    return [(outputs[f"{CLASS}{k}"], outputs[f"{MASK}{k}"]) for k in depths]


def adjacent_frames(masks: Tensor, clip: Tensor) -> Tensor:
    """Mask logits [B, Q, h, w], clip [B] -> the mean of d e^-d; rows that follow each other in a clip are adjacent."""
    together = (clip[1:] == clip[:-1]).to(masks.device)
    flat = masks.float().flatten(1)
    d = 1 - functional.cosine_similarity(flat[1:], flat[:-1], dim=1)[together]
    return (d * (-d).exp()).mean() if len(d) else 0.0 * flat.sum()


def head_loss(head: Head, target: Tensor, generator: torch.Generator, spec: SetSpec) -> dict[str, Tensor]:
    """ce, bce and dice of one head, before their weights; target [B, H, W] of class indices."""
    classes, masks = head[0].float(), head[1].float()
    none = classes.shape[-1] - 1
    if int(target.max()) >= none:
        raise ValueError(f"set_loss: found class {int(target.max())} in a mask, expected 0 to {none - 1}")
    points = min(spec.points, target[0].numel())
    wanted = torch.full(classes.shape[:2], none, device=classes.device)
    logits, truths = [], []
    for row, mask in enumerate(target):
        labels, truth = class_masks(mask)
        where = uniform_points(1, points, generator, masks.device)
        with torch.no_grad():
            at = [values_at(maps, where.expand(len(maps), -1, -1)) for maps in (masks[row], truth)]
            weights = (spec.ce, spec.bce, spec.dice)
            query, row_of_truth = cheapest(costs(classes[row], at[0], labels, at[1], weights))
        wanted[row, query] = labels[row_of_truth]
        logits.append(masks[row, query])
        truths.append(truth[row_of_truth])
    matched = torch.cat(logits)
    where = uncertain_points(matched, points, generator, oversample=spec.oversample, importance=spec.importance)
    x, g = values_at(matched, where), values_at(torch.cat(truths), where)
    p = x.sigmoid()
    weight = torch.ones(none + 1, device=classes.device)
    weight[none] = spec.no_object
    return {
        "ce": functional.cross_entropy(classes.transpose(1, 2), wanted, weight),
        "bce": functional.binary_cross_entropy_with_logits(x, g),
        "dice": (1 - (2 * (p * g).sum(1) + 1) / (p.sum(1) + g.sum(1) + 1)).mean(),
    }


def set_loss(
    heads: Sequence[Head],
    target: Tensor,
    *,
    clip: Tensor,
    generator: torch.Generator,
    labelled: Tensor | None = None,
    spec: SetSpec | None = None,
) -> dict[str, Tensor]:
    """{"set": the weighted sum over heads; "set_ce", "set_bce", "set_dice", "set_frames": the parts, unweighted}."""
    spec = spec or SetSpec()
    total = dict.fromkeys(("ce", "bce", "dice", "frames"), 0.0 * heads[-1][1].float().sum())
    for depth, (classes, masks) in enumerate(heads):
        kept = slice(None) if labelled is None else labelled.to(masks.device)
        terms = head_loss((classes[kept], masks[kept]), target[kept], generator, spec)
        if depth < len(heads) - 1 and spec.frames:
            terms["frames"] = adjacent_frames(masks, clip)
        total = {name: value + terms[name] if name in terms else value for name, value in total.items()}
    weighted = torch.stack([getattr(spec, name) * value for name, value in total.items()])
    return {"set": weighted.sum(), **{f"set_{name}": value for name, value in total.items()}}

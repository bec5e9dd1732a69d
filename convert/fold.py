"""Move the numbers where ``graph.passes.fold`` says: norms and steps into weights and thresholds.

Weighted op:  W' = a W s,  b' = a b + c      (a, c: the batch norm behind it;  s: the step of the site in front of it)
Affine:       a x + c                        (a norm that folds nowhere)
Site:         n = fire(A x + C) = fire((sign x + bias) / theta),  sign = sgn A, theta = 1 / |A|, bias = C / |A|
              one step: upper_d = (d - 1/2) theta - bias,  lower_d = -(d - 1/2) theta - bias
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn

from graph import ops
from graph.lower import Network, lower
from graph.ops import Firing
from graph.passes import fold
from layers.site import FoldedSite, SpikeSite, ThresholdSite
from layers.weighted import Affine as AffineLayer
from layers.weighted import LayerScale

Affine = tuple[Tensor, Tensor]
SMALLEST_GAIN = 1e-12  # a channel whose gamma is 0 fires the same count whatever its input


def affine(norm: nn.Module) -> Affine:
    """Batch norm, or a layer scale, as a x + c, in fp64."""
    if isinstance(norm, LayerScale):
        gamma = norm.gamma.detach().double()
        return gamma, torch.zeros_like(gamma)
    variance, mean, gamma, beta = (
        getattr(norm, k).detach().double() for k in ("running_var", "running_mean", "weight", "bias")
    )
    a = gamma / (variance + norm.eps).sqrt()
    return a, beta - mean * a


def _then(first: Affine, second: Affine) -> Affine:
    return second[0] * first[0], second[0] * first[1] + second[1]


def _fold_site(site: SpikeSite, folded: nn.Module, before: Affine | None, worth: float) -> None:
    assert isinstance(folded, ThresholdSite | FoldedSite)
    one = torch.ones(folded.sign.numel(), dtype=torch.float64)
    total: Affine = before or (one, 0 * one)
    if site.norm is not None:
        total = _then(total, affine(site.norm))
    step = site.step.detach().double()
    total = _then(total, (one * site.gain / step, one * site.shift / step))
    size = total[0].abs().clamp(min=SMALLEST_GAIN)
    sign = torch.where(total[0] < 0, -1.0, 1.0).double()
    theta, bias = 1 / size, total[1] / size
    folded.sign.copy_(sign)
    if isinstance(folded, ThresholdSite):
        edge = (torch.arange(1, folded.levels + 1, dtype=torch.float64) - 0.5)[:, None] * theta
        folded.upper.copy_(edge - bias)
        if folded.signed:
            folded.lower.copy_(-edge - bias)
    else:
        folded.bias.copy_(bias)
        folded.theta.copy_(theta)
        folded.fire.load_state_dict(site.fire.state_dict())
    folded.step.copy_(torch.tensor(1.0) if isinstance(site.step, nn.Parameter) else site.step * worth)


def _fold_weights(old: nn.Module, new: nn.Module, behind: Affine | None, step: Tensor | float | None) -> None:
    assert isinstance(old, nn.Conv2d | nn.Linear) and isinstance(new, nn.Conv2d | nn.Linear)
    weight = old.weight.detach().double()
    bias = torch.zeros(weight.shape[0], dtype=torch.float64) if old.bias is None else old.bias.detach().double()
    if step is not None:
        weight = weight * torch.as_tensor(step).detach().double()
    if behind is not None:
        a, c = behind
        weight, bias = weight * a.reshape(-1, *(1 for _ in weight.shape[1:])), a * bias + c
    new.weight.copy_(weight)
    if new.bias is not None:
        new.bias.copy_(bias)


def _copy_state(old: nn.Module, new: nn.Module, names: set[str]) -> None:
    """What stands under any of these names, as it is."""

    def kept(key: str) -> bool:
        return any(part in names for part in accumulate(key.split("."), "{}.{}".format))

    new.load_state_dict({k: v for k, v in old.state_dict().items() if kept(k)}, strict=False)


@torch.no_grad()
def fold_network(module: Network) -> Network:
    """The inference form of a network, in the same dialect, in eval mode. The original is left as it was."""
    source = module.graph
    graph, plan = fold(source)
    folded: Network = lower(graph, module.dialect, task=module.task)
    behind = {weighted: source[norm].weights for norm, weighted in plan.into_weights.items()}
    moved = (Firing, ops.Affine)
    still = {n.weights for n in graph.nodes.values() if not (n.op.weighted or isinstance(n.op, moved))}
    _copy_state(module, folded, still)
    for name, node in graph.nodes.items():
        if node.op.weighted:
            _fold_weights(
                module.get_submodule(node.weights),
                folded.get_submodule(node.weights),
                affine(module.get_submodule(behind[name])) if name in behind else None,
                module.unit(source[site].op.made_unit) if (site := plan.steps.get(name)) else None,  # type: ignore[attr-defined]
            )
        elif isinstance(node.op, ops.Affine):
            layer = folded.get_submodule(node.weights)
            assert isinstance(layer, AffineLayer)
            scale, shift = affine(module.get_submodule(node.weights))
            layer.scale.copy_(scale)
            layer.shift.copy_(shift)
        elif isinstance(node.op, Firing) and node.op.site is not None:
            norm = plan.into_sites.get(name)
            before = affine(module.get_submodule(source[norm].weights)) if norm else None
            site_module = module.get_submodule(name)
            assert isinstance(site_module, SpikeSite)
            _fold_site(site_module, folded.get_submodule(name), before, node.op.worth)
    return folded.eval()

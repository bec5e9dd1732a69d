"""AdamW with groups of parameters, and the schedule of its rate, by torch's own parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LambdaLR

from experiments.settings import TrainSettings
from experiments.training.schedule import rate_factor
from graph.lower.scopes import SITES

BACKBONE = "network.backbone."


def is_step(name: str) -> bool:
    return name.startswith(f"network.{SITES}") and name.endswith(".step")


def parameter_groups(criterion: nn.Module, train: TrainSettings) -> list[dict[str, Any]]:
    """Weight decay on matrices and kernels only: not on norms, biases, or steps of sites. The backbone has its share
    of the rate. What is sharded stands apart from what is whole: one update may not mix the two.

    With ``train.step_lr`` every step of a site is a group: AdamW moves whatever it is given by the rate, and steps are
    0.3 here and 6 there, so that at one rate for all the large ones would hardly learn."""
    groups: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    steps: list[dict[str, Any]] = []
    for name, parameter in criterion.named_parameters():
        if train.step_lr and is_step(name):
            rate = train.lr * train.step_lr * float(whole(parameter).abs())
            steps.append({"params": [parameter], "lr": rate, "weight_decay": 0.0})
            continue
        key = (name.startswith(BACKBONE), parameter.ndim < 2, isinstance(parameter, DTensor))
        groups.setdefault(key, []).append(parameter)
    weights = [
        {
            "params": groups[backbone, small, sharded],
            "lr": train.lr * (train.backbone_lr if backbone else 1.0),
            "weight_decay": 0.0 if small else train.weight_decay,
        }
        for backbone, small, sharded in sorted(groups)
    ]
    return weights + steps


def whole(parameter: nn.Parameter) -> torch.Tensor:
    value = parameter.detach()
    return value.full_tensor() if isinstance(value, DTensor) else value


def optimizer_of(criterion: nn.Module, train: TrainSettings, *, fused: bool) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameter_groups(criterion, train), lr=train.lr, fused=fused)


def scheduler_of(optimizer: torch.optim.Optimizer, total: int, train: TrainSettings) -> LambdaLR:
    return LambdaLR(optimizer, lambda step: rate_factor(step, total, train))

"""The real-valued meaning of ``Act``, ``Gate``, ``Score``: what a value is when no neuron stands there."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from graph import ops
from graph.dialect import Call


def clipped_relu(x: Tensor, ceiling: float) -> Tensor:
    return F.hardtanh(x, 0.0, ceiling)


def hard_gate(x: Tensor) -> Tensor:
    return F.hardtanh(x + 0.5, 0.0, 1.0)


def relu_score(x: Tensor, scale: float, ceiling: float) -> Tensor:
    return F.hardtanh(x, 0.0, ceiling) * scale


def share_of_counts(x: Tensor, ceiling: float) -> Tensor:
    """Whole counts over their row's sum; a row without counts stays zero."""
    counts = x.clamp(0.0, ceiling).round()
    return counts / counts.sum(-1, keepdim=True).clamp(min=1.0)


def same(x: Tensor) -> Tensor:
    return x


ACTS: dict[str, Callable[..., Tensor]] = {"relu": torch.relu, "gelu": F.gelu, "identity": same}
GATES: dict[str, Callable[..., Tensor]] = {"sigmoid": torch.sigmoid, "hard": hard_gate}


def scaled(x: Tensor, fn: str, scale: float) -> Tensor:
    return ACTS[fn](x) * scale


def act(op: ops.Act) -> Call:
    if op.scale != 1.0:
        return Call(scaled, (op.fn, op.scale))
    if op.fn == "relu" and op.ceiling:
        return Call(clipped_relu, (op.ceiling,))
    return Call(ACTS[op.fn])


def gate(op: ops.Gate) -> Call:
    return Call(GATES[op.fn])


SCORES: dict[str, Callable[[ops.Score], Call]] = {
    "softmax": lambda op: Call(torch.softmax, (-1,)),
    "relu": lambda op: Call(relu_score, (op.scale, op.ceiling)),
    "share": lambda op: Call(share_of_counts, (op.ceiling,)),
}


def score(op: ops.Score) -> Call:
    return SCORES[op.fn](op)

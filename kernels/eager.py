"""Is a call a plain one, outside of every compiler and tracer? It then skips the operator, whose way through torch's
dispatcher takes longer than a small kernel: a tenth of a training step of a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

PLAIN = (Tensor, nn.Parameter)


def is_plain(x: Tensor) -> bool:
    if torch.compiler.is_compiling() or type(x) not in PLAIN:
        return False
    return torch._C._len_torch_dispatch_stack() == 0


def without_dispatcher(
    name: str, forward: Callable[..., Any], keep: Callable[..., None], backward: Callable[..., Any]
) -> type[torch.autograd.Function]:
    """An operator's own three functions as an autograd function, which calls them at once."""

    def run(ctx: Any, *inputs: Any) -> Any:
        output = forward(*inputs)
        keep(ctx, inputs, output)
        return output

    steps = {"forward": staticmethod(run), "backward": staticmethod(once_differentiable(backward))}
    return type(name, (torch.autograd.Function,), steps)

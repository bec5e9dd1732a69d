"""Is a call a plain one, outside of every compiler and tracer? It then skips the operator, whose way through torch's
dispatcher takes longer than a small kernel: a tenth of a training step of a small network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PLAIN = (Tensor, nn.Parameter)


def is_plain(x: Tensor) -> bool:
    if torch.compiler.is_compiling() or type(x) not in PLAIN:
        return False
    return torch._C._len_torch_dispatch_stack() == 0

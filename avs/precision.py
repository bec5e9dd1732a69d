"""In which type losses are computed."""

import torch
from torch import Tensor


def exact(value: Tensor) -> Tensor:
    """In single precision at least: what came out of a network in half precision has too few digits to be summed."""
    return value if value.dtype == torch.float64 else value.float()

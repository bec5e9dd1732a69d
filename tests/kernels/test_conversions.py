"""16-bit numbers of ``cpu_shim.h`` against torch: all of them one way, ties and edges the other."""

from __future__ import annotations

import pytest
import torch

from kernels.io_types import IO
from kernels.launch import launch
from kernels.source import Build

TYPES = [torch.float16, torch.bfloat16]


def run(kernel: str, x: torch.Tensor, to: torch.dtype, dtype: torch.dtype) -> torch.Tensor:
    what = Build("convert.cu", ("widen", "narrow"), (("IO", IO[dtype]),), package="tests.kernels")
    out = torch.empty(x.shape, dtype=to)
    launch(what, kernel, (1, 1, 1), 1, (x, out, x.numel()), x.device)
    return out


def everything(dtype: torch.dtype) -> torch.Tensor:
    return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_to_float(dtype):
    x = everything(dtype)
    torch.testing.assert_close(run("widen", x, torch.float32, dtype), x.float(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", TYPES)
def test_from_float(dtype):
    """Every number of the type, the middle between it and the next (a tie), and a little to both sides of that."""
    exact = everything(dtype).float()
    exact = exact[exact.isfinite()].sort().values
    ties = (exact[1:].double() + exact[:-1].double()).div(2).float()
    limits = torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 65519.9, 65520.0, 1e-40, 3.4e38])
    random = torch.randn(100_001, generator=torch.Generator().manual_seed(0)) * 10.0 ** torch.linspace(-9, 9, 100_001)
    x = torch.cat([exact, ties, ties.nextafter(exact[1:]), ties.nextafter(exact[:-1]), limits, random])
    torch.testing.assert_close(run("narrow", x, dtype, dtype), x.to(dtype), rtol=0, atol=0, equal_nan=True)

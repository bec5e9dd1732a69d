"""``Form``: what a launch of ``lif.cu`` has compiled in besides the neuron. Pure: it asks no device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from kernels.dynamics import Dynamics
from kernels.io_types import IO
from kernels.layout import CPU_LANES, Cut
from kernels.source import Build

OUTPUTS = ("same", "bytes", "bits")


def lanes(device: str, dtype: torch.dtype, spikes: str = "same") -> int:
    """Neurons of a thread: 16 bytes of them on a GPU, and no less than a byte of bits: two threads never share one."""
    if device == "cpu":
        return CPU_LANES
    return max(16 // dtype.itemsize, 8 if spikes == "bits" else 1)


@dataclass(frozen=True, kw_only=True)
class Form:
    """What is compiled in, besides the neuron."""

    device: str
    dtype: torch.dtype
    steps: int
    cut: Cut
    rate: bool = False
    init: bool = False
    residual: bool = False
    step: bool = False
    centre: bool = False
    spikes: str = "same"
    last: bool = False
    aligned: bool = True  # pointers stand on 16 bytes

    @cache  # noqa: B019 -- a handful of frozen forms, wanted at every launch
    def build(self, dynamics: Dynamics) -> Build:
        width = lanes(self.device, self.dtype, self.spikes)
        whole = self.aligned and self.device != "cpu" and self.cut.width % width == 0
        constants = (
            ("STEPS", self.steps),
            ("VEC", width),
            ("IO", IO[self.dtype]),
            *dynamics.constants,
            ("RATE", int(self.rate)),
            ("INIT", int(self.init)),
            ("AFFINE", self.cut.affine),
            ("RESIDUAL", int(self.residual)),
            ("STEP", int(self.step)),
            ("CENTRE", int(self.centre)),
            ("SPIKES", OUTPUTS.index(self.spikes)),
            ("LAST", int(self.last)),
            ("SPAN", self.cut.span),
            ("ALIGNED", int(whole)),
        )
        return Build("lif.cu", ("lif_forward", "lif_backward"), constants)

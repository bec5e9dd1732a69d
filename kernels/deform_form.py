"""``Form``: what a build of ``deform.cu`` or ``deform_slice.cpp`` has compiled in. Pure: it asks no device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil

import torch

from kernels.io_types import IO
from kernels.source import Build

LANES = 32  # threads that a shuffle reaches: at most so many share a head
KERNELS = ("deform_forward", "deform_backward")


@dataclass(frozen=True, kw_only=True)
class Form:
    """What is compiled in. ``planes`` 0: real values. ``fixed``: integer atomics, whose sum has no order."""

    dtype: torch.dtype
    levels: int
    points: int
    channels: int
    planes: int = 0
    signed: bool = False
    fixed: bool = False

    @property
    def constants(self) -> tuple[tuple[str, int], ...]:
        return (
            ("IO", IO[self.dtype]),
            ("LEVELS", self.levels),
            ("POINTS", self.points),
            ("D", self.channels),
            ("PLANES", self.planes),
            ("SIGNED", int(self.signed)),
        )

    @property
    def channels_per_thread(self) -> int:
        """16 bytes, or what divides the channels; they lie in one word. Of counts 4: the bits of 8 would spill."""
        wide = 4 if self.planes else 16 // self.dtype.itemsize
        return min(wide, self.channels & -self.channels)

    @property
    def threads_per_head(self) -> int:
        """A power of two, for the shuffles."""
        count = 1 << (ceil(self.channels / self.channels_per_thread) - 1).bit_length()
        if count > LANES:
            near = ceil(self.channels / 8) * 8
            raise ValueError(
                f"a head of {self.channels} channels would need {count} threads, expected at most {LANES}; "
                f"the nearest size that fits is {near}"
            )
        return count

    @cache  # noqa: B019 -- a handful of frozen forms, wanted at every launch
    def threads(self) -> Build:
        """deform.cu."""
        more = (("CPT", self.channels_per_thread), ("TPH", self.threads_per_head), ("FIXED", int(self.fixed)))
        return Build("deform.cu", KERNELS, (*self.constants, *more))

    @cache  # noqa: B019
    def slices(self) -> Build:
        """deform_slice.cpp. Every (head, batch) writes what nobody else does."""
        return Build("deform_slice.cpp", KERNELS, (*self.constants, ("SHIM_OWN_SLICES", 1)))

    @cache  # noqa: B019
    def counter(self, unary: bool) -> Build:
        return Build("deform_events.cu", ("deform_events",), (*self.constants, ("UNARY", int(unary))))

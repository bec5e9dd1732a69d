"""``Box``: the rectangle of a map around everything that changed in it, and what a convolution makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graph.ops import Conv


@dataclass(frozen=True)
class Box:
    """Rows [top, bottom), columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)

    def __or__(self, other: Box) -> Box:
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def of(self, x: Tensor) -> Tensor:
        """A view of [..., H, W]."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def moved(self, down: int, right: int) -> Box:
        return Box(self.top + down, self.bottom + down, self.left + right, self.right + right)


def around(differs: Tensor) -> Box | None:
    """Of what is not zero in [1, C, H, W]; None: nothing is."""
    plane = differs.amax((0, 1))
    rows, columns = (plane.amax(axis).nonzero() for axis in (1, 0))
    if not len(rows):
        return None
    ends = torch.cat([rows[[0, -1]], columns[[0, -1]]]).flatten().tolist()
    return Box(ends[0], ends[1] + 1, ends[2], ends[3] + 1)


def _reached(first: int, last: int, kernel: int, op: Conv, length: int) -> tuple[int, int]:
    """Outputs o with o s - p + u d in [first, last) for some tap u."""
    low = -((op.dilation * (kernel - 1) - first - op.padding) // op.stride)
    high = (last - 1 + op.padding) // op.stride
    return max(0, low), min(length, high + 1)


def reached(op: Conv, box: Box, shape: tuple[int, ...]) -> Box | None:
    """The box of a convolution's output [C, H, W] that a box of its input reaches."""
    top, bottom = _reached(box.top, box.bottom, op.kernel[0], op, shape[1])
    left, right = _reached(box.left, box.right, op.kernel[1], op, shape[2])
    return Box(top, bottom, left, right) if top < bottom and left < right else None


def read_by(op: Conv, x: Tensor, box: Box) -> Tensor:
    """What a box of the output reads of x, zeros from beyond its borders included."""
    sides = []
    for first, last, kernel, length in (
        (box.left, box.right, op.kernel[1], x.shape[3]),
        (box.top, box.bottom, op.kernel[0], x.shape[2]),
    ):
        start = first * op.stride - op.padding
        stop = (last - 1) * op.stride - op.padding + op.dilation * (kernel - 1) + 1
        sides.append((max(start, 0), min(stop, length), max(-start, 0), max(stop - length, 0)))
    (left, right, before, after), (top, bottom, above, below) = sides
    inside = x[..., top:bottom, left:right]
    return torch.nn.functional.pad(inside, (before, after, above, below))

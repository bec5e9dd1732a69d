"""A 3x3 convolution of a bilinearly upsampled map, computed before the upsampling: the same function.

    conv(up(x))[r, c] = b + sum_{i, j} w_ij up(x)[r + i - 1, c + j - 1]
                      = b + sum_{i, j} up(w_ij x)[r + i - 1, c + j - 1]

because upsampling acts on each channel alone and w_ij on each pixel alone. The products and the neurons that feed them
are then at the coarse resolution (factor^2 fewer); the fine one sees interpolation of 9 cout channels and additions.
"""

from __future__ import annotations

from graph.graph import Graph
from graph.ops import Add, Conv, Pad, Param, Slice, Upsample

KERNEL = 3


def conv_of_upsampled(g: Graph, name: str, x: str, cout: int, factor: int) -> str:
    """[C, h, w] -> [cout, factor h, factor w]. ``name.taps.weight``: the kernel's taps, row by row, each [cout, C]."""
    with g.scope(name):
        op = Conv(cin=g[x].shape[0], cout=KERNEL**2 * cout, init="small")
        up = g("up", Upsample(factor=factor), g("taps", op, x))
        _, height, width = g[up].shape
        padded = g("padded", Pad(before=1, after=1), up)
        total = g("bias", Param(dims=(cout, 1, 1), init="zeros"))
        for tap in range(KERNEL**2):
            row, column = divmod(tap, KERNEL)
            part = g(f"tap{tap}", Slice(axis=0, start=tap * cout, stop=(tap + 1) * cout), padded)
            part = g(f"rows{tap}", Slice(axis=1, start=row, stop=row + height), part)
            part = g(f"columns{tap}", Slice(axis=2, start=column, stop=column + width), part)
            total = g(f"sum{tap}", Add(), part, total)
        return total

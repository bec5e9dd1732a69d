"""Products of two values: ``MatMul``, ``DeformSample``, ``Mul``; and ``Add``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graph.ops.base import Array, Op, Part, Scaled, broadcast, size
from graph.values import REAL, Integer, Kind, Shape, Spike, magnitude


@dataclass(frozen=True, kw_only=True)
class MatMul(Scaled):
    """y = scale * a b on the last two axes, leading axes equal. ``scale`` is a constant (1/sqrt(d), or 2**-k)."""

    events_on: ClassVar[tuple[int, ...]] = (0, 1)
    linear_in: ClassVar[tuple[int, ...]] = (0, 1)
    product: ClassVar[bool] = True
    arity: ClassVar[int | None] = 2
    inner: int
    scale: float = 1.0

    def shape(self, *inputs: Shape) -> Shape:
        a, b = inputs
        if a[-1] != self.inner or b[-2] != self.inner:
            raise ValueError(f"MatMul over {self.inner} does not fit shapes {a} and {b}")
        return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * self.inner

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        a, b = (magnitude(k) for k in kinds)
        return REAL if a is None or b is None else Integer(a * b * self.inner)

    def parts(self, kinds: tuple[Kind, ...], out: Shape, *inputs: Shape) -> tuple[Part, ...]:
        macs = self.macs(out, *inputs)
        return (Part(macs, "product of decoded counts", macs),)

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        """A row of a changed row of ``a``, a column of a changed column of ``b``."""
        a, b = changed
        return np.logical_or(a.any(-1, keepdims=True), b.any(-2, keepdims=True))

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        """Term by term over the inner axis: counts times counts are whole numbers."""
        a, b = inputs
        y = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), np.float32)
        for k in range(self.inner):
            y += a[..., :, k, None] * b[..., None, k, :]
        return y * np.float32(self.scale) * np.float32(unit)


@dataclass(frozen=True, kw_only=True)
class DeformSample(Scaled):
    """Multi-scale deformable sampling (Deformable DETR).

    y[q, h] = sum_{l, p} A[q, h, l, p] * bilinear(V_l[h], ref[q, l] * (W_l, H_l) + offset[q, h, l, p] - 1/2)

    args: value [S, h, d], offset [Q, h, L, P, 2] in pixels of its level, weight [Q, h, L, P], reference [Q, L, 2] in
    0..1. Out [Q, h*d]. Taps outside a level read zero. Locations are always real; the sampled value and the weight may
    be spikes. MACs are the channel products of the four taps; the four coefficients times A are extra multiplies.
    """

    events_on: ClassVar[tuple[int, ...]] = (0,)
    linear_in: ClassVar[tuple[int, ...]] = (0, 2)
    product: ClassVar[bool] = True
    arity: ClassVar[int | None] = 4
    levels: tuple[tuple[int, int], ...]
    heads: int
    points: int
    channels: int

    def samples(self, queries: int) -> int:
        return queries * self.heads * len(self.levels) * self.points

    def shape(self, *inputs: Shape) -> Shape:
        value, offset, weight, reference = inputs
        queries, count = reference[0], len(self.levels)
        wanted = (
            (sum(h * w for h, w in self.levels), self.heads, self.channels),
            (queries, self.heads, count, self.points, 2),
            (queries, self.heads, count, self.points),
            (queries, count, 2),
        )
        for found, want in zip((value, offset, weight, reference), wanted, strict=True):
            if found != want:
                raise ValueError(f"DeformSample expects shape {want}, found {found}")
        return (queries, self.heads * self.channels)

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return self.samples(out[0]) * 4 * self.channels

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return self.macs(out, *inputs) + self.coefficient_multiplies(out)

    def coefficient_multiplies(self, out: Shape) -> int:
        return self.samples(out[0]) * 8  # four bilinear coefficients, each then times the attention weight

    def parts(self, kinds: tuple[Kind, ...], out: Shape, *inputs: Shape) -> tuple[Part, ...]:
        return (
            Part(self.macs(out, *inputs), "" if isinstance(kinds[0], Spike) else "sampled value is not a spike"),
            Part(self.coefficient_multiplies(out), "bilinear coefficients times attention weight", 0, "coefficients"),
        )

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        """A sample whose location or weight changed, or an element of a token that it taps."""
        value, offset, weight, reference = changed
        places = np.asarray(offset.any((-3, -2, -1)) | weight.any((-2, -1)))
        places = places | np.asarray(reference.any((-2, -1)))[..., None]
        taps = self.meaning(value.astype(np.float32), inputs[1], np.ones_like(inputs[2]), inputs[3]) != 0
        return taps | places.repeat(self.channels, -1).reshape(taps.shape)

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        value, offset, weight, reference = inputs
        rows, queries = offset.shape[:2]
        value, reference = (np.broadcast_to(x, (rows, *x.shape[1:])) for x in (value, reference))
        y = np.zeros((rows, queries, self.heads, self.channels), np.float32)
        row, head = np.arange(rows)[:, None, None], np.arange(self.heads)
        start = 0
        for level, (height, width) in enumerate(self.levels):
            for point in range(self.points):
                side = np.array([width, height], np.float32)
                place = reference[:, :, None, level] * side + offset[:, :, :, level, point] - np.float32(0.5)
                base = np.floor(place)
                fx, fy = np.moveaxis(place - base, -1, 0)
                for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
                    share = (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * weight[:, :, :, level, point]
                    x, z = base[..., 0] + dx, base[..., 1] + dy
                    inside = (x >= 0) & (x < width) & (z >= 0) & (z < height)
                    token = start + np.where(inside, z * width + x, 0).astype(int)
                    y += np.where(inside, share, 0)[..., None].astype(np.float32) * value[row, token, head]
            start += height * width
        return y.reshape(rows, queries, -1) * np.float32(unit)


@dataclass(frozen=True, kw_only=True)
class Mul(Scaled):
    """y = a * b, broadcast: a gate on a feature."""

    reason: ClassVar[str] = "gate"
    linear_in: ClassVar[tuple[int, ...]] = (0, 1)
    product: ClassVar[bool] = True
    arity: ClassVar[int | None] = 2

    def shape(self, *inputs: Shape) -> Shape:
        return broadcast(*inputs)

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out)

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        a, b = (magnitude(k) for k in kinds)
        return REAL if a is None or b is None else Integer(a * b)

    elementwise: ClassVar[bool] = True

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        return inputs[0] * inputs[1] * np.float32(unit)


@dataclass(frozen=True, kw_only=True)
class Add(Op):
    """y = a + b, broadcast. The sum of spikes of one scale is an integer; of anything else, real."""

    arity: ClassVar[int | None] = 2

    @property
    def carries(self) -> bool:
        return True

    def shape(self, *inputs: Shape) -> Shape:
        return broadcast(*inputs)

    def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
        a, b = kinds
        sites = {getattr(k, "site", None) for k in kinds}
        if None in sites or len(sites) > 1:
            return REAL
        return Integer((magnitude(a) or 0) + (magnitude(b) or 0))

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0] + inputs[1]

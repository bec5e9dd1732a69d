"""Ops with a weight per synapse: ``Conv``, ``Linear``; and the affine ops ``Norm``, ``LayerScale``, ``Affine``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from graph.ops.base import Array, Fanout, Op, Part, Scaled, rows_touched, size
from graph.values import Kind, Shape, Spike

Init = Literal["kaiming", "xavier", "normal", "small", "zeros", "unit"]


def taps_per_input(length: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[int, ...]:
    """For each input position along one axis, how many output positions read it (padding and stride respected)."""
    outputs = (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    counts = [0] * length
    for o in range(outputs):
        for k in range(kernel):
            i = o * stride - padding + k * dilation
            if 0 <= i < length:
                counts[i] += 1
    return tuple(counts)


@dataclass(frozen=True, kw_only=True)
class Weighted(Scaled):
    """An op with a weight a synapse, on its one input: where that is spikes, they drive all of its multiplies."""

    abstract: ClassVar[bool] = True
    events_on: ClassVar[tuple[int, ...]] = (0,)
    linear_in: ClassVar[tuple[int, ...]] = (0,)
    weighted: ClassVar[bool] = True

    def parts(self, kinds: tuple[Kind, ...], out: Shape, *inputs: Shape) -> tuple[Part, ...]:
        macs = self.macs(out, *inputs)
        return (Part(macs, "" if isinstance(kinds[0], Spike) else f"input is {kinds[0]}", macs),)


@dataclass(frozen=True, kw_only=True)
class Conv(Weighted):
    """y[o, r, c] = b[o] + sum_{i, u, v} w[o, i, u, v] x[i, r s - p + u d, c s - p + v d] on [C, H, W]."""

    cin: int
    cout: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    init: Init = "kaiming"

    def shape(self, *inputs: Shape) -> Shape:
        (channels, *lengths) = inputs[0]
        if channels != self.cin:
            raise ValueError(f"Conv expects {self.cin} input channels, found {channels}")
        spans = (
            (n + 2 * self.padding - self.dilation * (k - 1) - 1) // self.stride + 1
            for n, k in zip(lengths, self.kernel, strict=True)
        )
        return (self.cout, *spans)

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * self.cin // self.groups * prod(self.kernel)

    def fanout(self, *inputs: Shape) -> Fanout:
        _, height, width = inputs[0]
        rows, columns = (
            taps_per_input(n, k, self.stride, self.padding, self.dilation)
            for n, k in zip((height, width), self.kernel, strict=True)
        )
        return Fanout(rows, columns, self.cout // self.groups)

    def tables(self) -> Mapping[str, Shape]:
        bias: dict[str, Shape] = {"bias": (self.cout,)} if self.bias else {}
        return {"weight": (self.cout, self.cin // self.groups, *self.kernel), **bias}

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        """What a changed pixel of a group's channels reaches, in all of the group's."""
        (x,) = changed
        every = np.asarray(x.reshape(len(x), self.groups, -1, *x.shape[2:]).any(2), np.float32)
        one = replace(self, cin=self.groups, cout=self.groups, bias=False)
        reached = one.meaning(every, weight=np.ones((self.groups, 1, *self.kernel), np.float32)) > 0
        return reached.repeat(self.cout // self.groups, axis=1)

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        """Tap by tap, channel by channel: sums in one order, whatever the machine."""
        (x,), weight = inputs, tables["weight"] * np.float32(unit)
        _, height, width = self.shape(x.shape[1:])
        p, s, d = self.padding, self.stride, self.dilation
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        y = np.zeros((len(x), self.cout, height, width), np.float32)
        ins, outs = self.cin // self.groups, self.cout // self.groups
        for channel in range(self.cin):
            group = slice(channel // ins * outs, (channel // ins + 1) * outs)
            for u in range(self.kernel[0]):
                for v in range(self.kernel[1]):
                    rows = slice(u * d, u * d + (height - 1) * s + 1, s)
                    columns = slice(v * d, v * d + (width - 1) * s + 1, s)
                    taps = weight[group, channel % ins, u, v, None, None]
                    y[:, group] += taps * padded[:, channel, None, rows, columns]
        return y + tables["bias"][:, None, None] if self.bias else y


@dataclass(frozen=True, kw_only=True)
class Linear(Weighted):
    """y = W x + b on the last axis of [..., C]. ``offsets`` (heads, levels, points): its bias starts as the sampling
    offsets of Deformable DETR."""

    cin: int
    cout: int
    bias: bool = True
    init: Init = "xavier"
    offsets: tuple[int, int, int] | None = None

    def shape(self, *inputs: Shape) -> Shape:
        if inputs[0][-1] != self.cin:
            raise ValueError(f"Linear expects {self.cin} features, found {inputs[0][-1]}")
        return (*inputs[0][:-1], self.cout)

    def macs(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * self.cin

    def fanout(self, *inputs: Shape) -> Fanout:
        return Fanout((1,), (1,), self.cout)

    def tables(self) -> Mapping[str, Shape]:
        bias: dict[str, Shape] = {"bias": (self.cout,)} if self.bias else {}
        return {"weight": (self.cout, self.cin), **bias}

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        rows = changed[0].any(-1, keepdims=True)
        return np.broadcast_to(rows, (*rows.shape[:-1], self.cout))

    def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Any) -> Array:
        """Feature by feature."""
        (x,), weight = inputs, tables["weight"] * np.float32(unit)
        y = np.zeros((*x.shape[:-1], self.cout), np.float32)
        for feature in range(self.cin):
            y += x[..., feature, None] * weight[:, feature]
        return y + tables["bias"] if self.bias else y


@dataclass(frozen=True, kw_only=True)
class Norm(Op):
    """y = gamma (x - mean) / sqrt(var + eps) + beta.

    ``batch``: the statistics are constants at inference, so it is affine per channel and can be folded. ``layer`` and
    ``group`` compute theirs from x, so they stay and are charged. ``axis`` is 0 for [C, H, W] and -1 for [N, C].
    """

    reason: ClassVar[str] = "norm that cannot be folded"
    buffers: ClassVar[tuple[str, ...]] = ("running_mean", "running_var")
    form: Literal["batch", "layer", "group"] = "batch"
    channels: int
    axis: int = 0
    groups: int = 1
    eps: float = 1e-5

    @property
    def foldable(self) -> bool:
        return self.form == "batch"

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out) * (1 if self.foldable else 3)  # (square, scale, gamma) when the statistics are live

    def tables(self) -> Mapping[str, Shape]:
        statistics = self.buffers if self.foldable else ()
        return {name: (self.channels,) for name in ("weight", "bias", *statistics)}

    def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
        """A norm of the batch is a constant; a layer's row and a group's map change as a whole."""
        if self.form == "batch":
            return changed[0]
        return rows_touched(changed[0]) if self.form == "layer" else super().touched(changed, inputs)

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        """At inference. A group's channels are normalised together, over all of the map."""
        (x,) = inputs
        across = [1, -1, *(1 for _ in x.shape[2:])] if self.axis == 0 else [-1]
        gamma, beta = tables["weight"].reshape(across), tables["bias"].reshape(across)
        if self.form == "batch":
            mean, variance = tables["running_mean"].reshape(across), tables["running_var"].reshape(across)
            return (x - mean) / np.sqrt(variance + np.float32(self.eps)) * gamma + beta
        rows = x if self.form == "layer" else x.reshape(len(x), self.groups, -1)
        centred = rows - rows.mean(-1, keepdims=True)
        scaled = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(self.eps))
        return scaled.reshape(x.shape) * gamma + beta


@dataclass(frozen=True, kw_only=True)
class LayerScale(Op):
    """y = gamma x, one gamma per channel of the last axis."""

    elementwise: ClassVar[bool] = True
    axis: ClassVar[int] = -1
    channels: int
    init_value: float = 1e-4

    @property
    def foldable(self) -> bool:
        return True

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out)

    def tables(self) -> Mapping[str, Shape]:
        return {"gamma": (self.channels,)}

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        return inputs[0] * tables["gamma"]


FINEST = 2.0**-40  # a grain that changes nothing that fp32 could add to


@dataclass(frozen=True, kw_only=True)
class Affine(Op):
    """y = scale x + shift, per channel of ``axis`` (0 of [C, H, W], -1 of [N, C]), rounded to multiples of ``grain``, a
    power of two: a norm that folds nowhere, as it stands in a network for inference. A product, a sum, a rounding, one
    after the other, so every machine finds the same bits."""

    elementwise: ClassVar[bool] = True
    reason: ClassVar[str] = "norm that cannot be folded"
    buffers: ClassVar[tuple[str, ...]] = ("grain",)
    channels: int
    axis: int = 0

    def multiplies(self, out: Shape, *inputs: Shape) -> int:
        return size(out)

    def tables(self) -> Mapping[str, Shape]:
        return {"scale": (self.channels,), "shift": (self.channels,), "grain": ()}

    def meaning(self, *inputs: Array, **tables: Any) -> Array:
        (x,) = inputs
        across = [-1, *(1 for _ in x.shape[2:])] if self.axis == 0 else [-1]
        y: Array = x * tables["scale"].reshape(across) + tables["shift"].reshape(across)
        grain = np.float32(tables["grain"])
        return np.asarray(np.round(y / grain) * grain, np.float32)

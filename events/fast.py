"""Executes a deployed network on a video in torch, and computes only where something changed. For users: it is quick.

Every value keeps where it differs from the frame before: pixels of a map [1, C, H, W], rows of tokens [1, N, C], or all
or nothing of anything else. A node whose inputs are as they were keeps its value. Of the others

    a convolution     computes the tiles of its output that a changed pixel reaches, all of them as one batch
    a linear layer    computes the rows that changed
    one element each  computes the pixels, or rows, that changed
    everything else   is computed as a whole

and what comes out is compared with what was, so that a change that no threshold notices ends there. On the dyadic grid
sums are exact in any order, so a tile's bits are those of the whole; `tests/events/test_fast_stream.py` holds it to
the numpy stream and to the network that forgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from events.stream import by_events
from graph.graph import Node
from graph.infer import infer, window
from graph.lower import Network
from graph.ops import Act, Add, Conv, Gate, Input, Linear, Mul, Output, Scale, Score
from graph.values import Clock, Shape

TILE = 8
DENSE = 0.5  # where more of the places changed, the whole is quicker
PER_PLACE = (Act, Gate, Score, Add, Mul, Scale)


@dataclass(frozen=True)
class Value:
    """``places``: bool [H, W] or [N] where it differs from a frame ago; None: all of it, if ``changed``."""

    now: Tensor
    changed: bool
    places: Tensor | None = None


def places_of(difference: Tensor) -> Tensor | None:
    if difference.ndim == 4:
        return difference.any(1)[0]
    return difference.any(-1)[0] if difference.ndim == 3 else None


def compared(now: Tensor, last: Tensor | None) -> Value:
    if last is None or last.shape != now.shape:
        return Value(now, True)
    difference = now != last
    if not bool(difference.any()):
        return Value(last, False)
    return Value(now, True, places_of(difference))


class FastStream:
    """``step`` once a frame. ``computed``: share of each node's places that was computed in the last frame."""

    def __init__(self, network: Network, deadband: int = 0) -> None:
        graph = network.graph
        if graph.steps > 1 or window(graph) > 1:
            raise ValueError(f"'{graph.name}' needs {graph.steps} steps of {window(graph)} frames, expected 1 of 1")
        self.network, self.graph, self.deadband = network.eval(), graph, deadband
        self.values = infer(graph)
        self.static = {n for n, v in self.values.items() if v.clock == Clock.STATIC}
        self.last: dict[str, Tensor] = {}
        self.computed: dict[str, float] = {}

    def forget(self) -> None:
        """The next frame is a key frame."""
        self.last = {}

    @torch.no_grad()
    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One frame [1, ...] of each input."""
        self.computed, values = {}, dict[str, Value]()
        for name, node in self.graph.nodes.items():
            if isinstance(node.op, Input):
                values[name] = compared(self._seen(node, inputs[name]), self.last.get(name))
            else:
                values[name] = self._value(node, [values[a] for a in self.network.arguments(node)])
        self.last = {name: value.now for name, value in values.items()}
        return {name: values[value].now for name, value in self.graph.outputs.items()}

    def _seen(self, node: Node, x: Tensor) -> Tensor:
        last = self.last.get(node.name)
        if last is None or not self.deadband:
            return x
        return torch.where((x - last).abs() < self.deadband * 2.0**-node.op.grid, last, x)  # type: ignore[attr-defined]

    def _value(self, node: Node, args: list[Value]) -> Value:
        last = self.last.get(node.name)
        if isinstance(node.op, Output):
            return args[0]
        if last is not None and (node.name in self.static or not any(a.changed for a in args)):
            return Value(last, False)
        if last is not None and (places := self._places(node, args)) is not None:
            self.computed[node.name] = share = float(places.float().mean())
            if share <= DENSE:
                now = self._at(node, args, places, last)
                return compared(now, last)
        self.computed[node.name] = 1.0
        return compared(self.network.compute(node, [a.now for a in args]), last)

    # ---- only some places -------------------------------------------------------------------------------------------
    def _places(self, node: Node, args: list[Value]) -> Tensor | None:
        """Where to compute: places of a linear layer or an elementwise op, tiles of a convolution; None: everywhere."""
        op = node.op
        if op.weighted and not by_events(self.graph, node, self.values[node.args[0]].kind):
            return None  # sums of numbers off the grid have other bits in another order
        if isinstance(op, Conv):
            return None if args[0].places is None else _tiles(op, args[0].places, node.shape[1:])
        if isinstance(op, Linear):
            return args[0].places if len(node.shape) == 2 else None
        if not isinstance(op, PER_PLACE) or getattr(op, "fn", "") in ("softmax", "share"):
            return None
        site = getattr(op, "site", None)
        if len(node.shape) not in (2, 3) or (site is not None and (site.axis == 0) != (len(node.shape) == 3)):
            return None  # channels are not where a place's are
        shape, together = tuple(node.shape), None
        for arg in args:
            if not arg.changed:
                continue
            if arg.places is None or tuple(arg.now.shape[1:]) != shape:
                return None
            together = arg.places if together is None else together | arg.places
        return together

    def _at(self, node: Node, args: list[Value], places: Tensor, last: Tensor) -> Tensor:
        now = last.clone()
        if isinstance(node.op, Conv):
            return self._conv(node, node.op, args[0].now, places, now)
        index = places.flatten().nonzero()[:, 0]
        if now.ndim == 3:
            rows = [a.now[:, index] if a.now.shape[1] == now.shape[1] else a.now for a in args]
            now[:, index] = self.network.compute(node, rows)
            return now
        pixels = [_pixels(a.now, index) if tuple(a.now.shape[1:]) == tuple(node.shape) else a.now for a in args]
        now.flatten(2)[:, :, index] = self.network.compute(node, pixels)[..., 0]
        return now

    def _conv(self, node: Node, op: Conv, x: Tensor, tiles: Tensor, now: Tensor) -> Tensor:
        """Tiles of the output, each from its own piece of the padded input."""
        layer = self.network.part(node.name)
        unit = self.network.unit(op.unit)  # type: ignore[arg-type]
        height, width = node.shape[1:]
        rows, columns = tiles.shape
        reach = [TILE * op.stride, (TILE - 1) * op.stride + op.dilation * (op.kernel[0] - 1) + 1]
        wide = (TILE - 1) * op.stride + op.dilation * (op.kernel[1] - 1) + 1
        need = (rows - 1) * reach[0] + reach[1], (columns - 1) * reach[0] + wide
        p = op.padding
        padded = F.pad(x, (p, max(0, need[1] - x.shape[3] - p), p, max(0, need[0] - x.shape[2] - p)))
        pieces = padded[0].unfold(1, reach[1], reach[0]).unfold(2, wide, reach[0])[:, :rows, :columns]
        index = tiles.nonzero()
        batch = pieces[:, index[:, 0], index[:, 1]].transpose(0, 1)
        made = F.conv2d(batch, layer.weight * unit, layer.bias, op.stride, 0, op.dilation, op.groups)
        for (r, c), tile in zip((index * TILE).tolist(), made, strict=True):
            bottom, right = min(r + TILE, height), min(c + TILE, width)
            now[0, :, r:bottom, c:right] = tile[:, : bottom - r, : right - c]
        return now


def _pixels(x: Tensor, index: Tensor) -> Tensor:
    """[1, C, H, W] -> [1, C, P, 1], so that a channel stays the second axis."""
    return x.flatten(2)[:, :, index][..., None]


def _tiles(op: Conv, places: Tensor, shape: Shape) -> Tensor:
    """Tiles of the output [rows, columns] that a changed pixel of the input reaches."""
    one = torch.ones(1, 1, *op.kernel)
    reached = F.conv2d(places[None, None].float(), one, None, op.stride, op.padding, op.dilation)
    height, width = shape
    whole = F.pad(reached, (0, -width % TILE, 0, -height % TILE))
    return F.max_pool2d(whole, TILE)[0, 0] > 0

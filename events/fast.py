"""Executes a deployed network on a video in torch, and computes only where something changed. For users: it is quick.

Every value keeps where it differs from the frame before: a box of a map [1, C, H, W], rows of tokens [1, N, C], or all
or nothing of anything else. A node whose inputs are as they were keeps its value. Of the others

    a convolution     computes the box of its output that the changed box reaches
    a linear layer    computes the rows that changed
    one element each  computes the box, or the rows, that changed
    everything else   is computed as a whole

and what comes out is compared with what was, so that a change that no threshold notices ends there (but not where most
places changed lately: there, looking costs more than it finds). On the dyadic grid sums are exact in any order, so the
bits of a part are those of the whole; `tests/events/test_fast_stream.py` holds it to the numpy stream and to the
network that forgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from events.bounds import LARGEST, require_bounds
from events.box import Box, around, reached, read_by
from graph.graph import Node
from graph.infer import infer, window
from graph.lower import Network
from graph.ops import Act, Add, Conv, Gate, Input, Linear, Mul, Output, Scale, Score
from graph.passes import takes_changes
from graph.values import Clock

DENSE = 0.5  # where more of the places changed, the whole is quicker
BUSY, PATIENCE = 0.5, 8  # a value that changed in more of its places is not compared for so many frames
PER_PLACE = (Act, Gate, Score, Add, Mul, Scale)
EXACT = ("relu", "identity", "hard")  # the bits of other functions depend on where in memory their input lies
Places = Box | Tensor  # of a map; or of tokens, their indices


@dataclass(frozen=True)
class Value:
    """``places``: where it differs from a frame ago; None: anywhere, if ``changed``."""

    now: Tensor
    changed: bool
    places: Places | None = None


def share(places: Places, x: Tensor) -> float:
    """Of the places of [1, C, H, W] or [1, N, C]."""
    return places.area / (x.shape[2] * x.shape[3]) if isinstance(places, Box) else len(places) / x.shape[1]


def differences(now: Tensor, last: Tensor) -> Tensor:
    """1 where they differ, else 0, as floats: a bool in between takes several times as long."""
    return torch.ne(now, last, out=torch.empty_like(now))


def places_of(differs: Tensor) -> tuple[bool, Places | None]:
    """(whether anything differs, where), of a map or of tokens."""
    if differs.ndim == 4:
        box = around(differs)
        return box is not None, box
    if differs.ndim == 3:
        rows = differs.amax(2)[0].nonzero()[:, 0]
        return len(rows) > 0, rows
    return bool(differs.amax()), None


def compared(now: Tensor, last: Tensor | None) -> Value:
    if last is None or last.shape != now.shape:
        return Value(now, True)
    changed, places = places_of(differences(now, last))
    return Value(now, True, places) if changed else Value(last, False)


class FastStream:
    """``step`` once a frame. ``computed``: share of each node's places that was computed in the last frame."""

    def __init__(self, network: Network, deadband: int = 0) -> None:
        graph = network.graph
        if graph.steps > 1 or window(graph) > 1:
            raise ValueError(f"'{graph.name}' needs {graph.steps} steps of {window(graph)} frames, expected 1 of 1")
        require_bounds(graph, {name: x.cpu().numpy() for name, x in network.state_dict().items()}, LARGEST)
        self.network, self.graph, self.deadband = network.eval(), graph, deadband
        self.values = infer(graph)
        self.static = {n for n, v in self.values.items() if v.clock == Clock.STATIC}
        self.last: dict[str, Tensor] = {}
        self.computed: dict[str, float] = {}
        self.rest: dict[str, int] = {}

    def forget(self) -> None:
        """The next frame is a key frame."""
        self.last, self.rest = {}, {}

    @torch.no_grad()
    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One frame [1, ...] of each input."""
        self.computed, values = {}, dict[str, Value]()
        for name, node in self.graph.nodes.items():
            if isinstance(node.op, Input):
                values[name] = compared(self._seen(node.op, name, inputs[name]), self.last.get(name))
            else:
                values[name] = self._value(node, [values[a] for a in self.network.arguments(node)])
        self.last = {name: value.now for name, value in values.items()}
        return {name: values[value].now for name, value in self.graph.outputs.items()}

    def _seen(self, op: Input, name: str, x: Tensor) -> Tensor:
        if op.grid and (size := float(x.abs().amax())) > LARGEST:
            raise ValueError(f"input '{name}' holds {size:.3g}, expected at most {LARGEST} in size")
        last = self.last.get(name)
        if last is None or not self.deadband:
            return x
        return torch.where((x - last).abs() < self.deadband * 2.0**-op.grid, last, x)

    def _value(self, node: Node, args: list[Value]) -> Value:
        last = self.last.get(node.name)
        if isinstance(node.op, Output):
            return args[0]
        if last is not None and (node.name in self.static or not any(a.changed for a in args)):
            return Value(last, False)
        if last is not None and (places := self._places(node, args)) is not None:
            self.computed[node.name] = part = share(places, last)
            if part <= DENSE:
                return self._at(node, args, places, last)
        self.computed[node.name] = 1.0
        now = self.network.compute(node, [a.now for a in args])
        if self.rest.get(node.name, 0):
            self.rest[node.name] -= 1
            return Value(now, True)
        value = compared(now, last)
        if last is not None and value.changed and (value.places is None or share(value.places, now) > BUSY):
            self.rest[node.name] = PATIENCE
        return value

    # ---- only some places -------------------------------------------------------------------------------------------
    def _places(self, node: Node, args: list[Value]) -> Places | None:
        """Where to compute; None: everywhere."""
        op = node.op
        if op.weighted:
            # Sums of numbers off the grid have other bits in another order.
            exact = takes_changes(self.graph, node, self.values)
            places = args[0].places if exact else None
            if isinstance(op, Conv):
                return reached(op, places, node.shape) if isinstance(places, Box) else None
            return places if isinstance(op, Linear) and len(node.shape) == 2 else None
        site = getattr(op, "site", None)
        if not isinstance(op, PER_PLACE) or (site is None and getattr(op, "fn", "relu") not in EXACT):
            return None
        if len(node.shape) not in (2, 3) or (site is not None and (site.axis == 0) != (len(node.shape) == 3)):
            return None  # channels are not where a place's are
        return self._together(node, args)

    def _together(self, node: Node, args: list[Value]) -> Places | None:
        together: Places | None = None
        for arg in args:
            if not arg.changed:
                continue
            if arg.places is None or tuple(arg.now.shape[1:]) != node.shape:
                return None
            if isinstance(arg.places, Box):
                together = arg.places | together if isinstance(together, Box) else arg.places
            else:
                together = torch.cat([arg.places, together]).unique() if isinstance(together, Tensor) else arg.places
        return together

    def _at(self, node: Node, args: list[Value], places: Places, last: Tensor) -> Value:
        """A copy of the last value with the places computed; where it then differs is looked for in these alone."""
        if isinstance(places, Box):
            made = self._conv(node, args[0].now, places) if isinstance(node.op, Conv) else self._box(node, args, places)
            inner = around(differences(made, places.of(last)))
            if inner is None:
                return Value(last, False)
            now = last.clone()
            places.of(now).copy_(made)
            return Value(now, True, inner.moved(places.top, places.left))
        rows = [a.now[:, places] if a.now.shape[1] == last.shape[1] else a.now for a in args]
        made = self.network.compute(node, rows)
        changed = differences(made, last[:, places]).amax(2)[0].nonzero()[:, 0]
        if not len(changed):
            return Value(last, False)
        now = last.clone()
        now[:, places] = made
        return Value(now, True, places[changed])

    def _box(self, node: Node, args: list[Value], box: Box) -> Tensor:
        whole = node.shape
        return self.network.compute(node, [box.of(a.now) if tuple(a.now.shape[1:]) == whole else a.now for a in args])

    def _conv(self, node: Node, x: Tensor, box: Box) -> Tensor:
        op, layer = node.op, self.network.part(node.name)
        assert isinstance(op, Conv)
        weight = layer.weight * self.network.unit(op.unit)
        return F.conv2d(read_by(op, x, box), weight, layer.bias, op.stride, 0, op.dilation, op.groups)

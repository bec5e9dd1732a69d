"""Executes a deployed network on a video in torch, and computes only where something changed. For users: it is quick.

Every value keeps where it differs from the frame before: a box of a map [1, C, H, W], rows of tokens [1, N, C], or all
or nothing of anything else; in a window of frames, where any of them differs (`events.stream` says what precedes what).
A node whose inputs are as they were keeps its value. Of the others

    a convolution     computes the box of its output that the changed box reaches
    a linear layer    computes the rows that changed
    one element each  computes the box, or the rows, that changed
    everything else   is computed as a whole

and what comes out is compared with what was, so that a change that no threshold notices ends there (but not where most
places changed lately, and not a sum, which hardly ever stays as it was: looking would cost more than it finds). A part
is written into the last value's memory, unless another value looks at that too. On the dyadic grid sums are exact in
any order, so the bits of a part are those of the whole; `tests/events/test_fast_stream.py` holds it to the numpy stream
and to the network that forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from events.bounds import LARGEST, require_bounds
from events.box import Box, reached, read_by
from events.places import Places, Value, compared, differences, part_of, places_of, put, share, together, within
from events.plan import Plan, plan_of
from graph.graph import Node
from graph.lower import Network
from graph.ops import Conv, Input, Output
from graph.passes import parts_of

BUSY, PATIENCE = 0.5, 8  # a value that changed in more of its places is not compared for so many frames

Seen = Callable[[Mapping[str, Value]], None]


class FastStream:
    """``step`` once a window of frames: one, unless the network looks at several. ``computed``: share of each node's
    places that was computed in the last step (in its last frame). ``seen``: is given every frame's values
    (and every window's, where there are such), whose memory the next frame may write into."""

    def __init__(self, network: Network, deadband: int = 0, seen: Seen | None = None) -> None:
        graph = network.graph
        if graph.steps > 1:
            raise ValueError(f"'{graph.name}' has {graph.steps} steps, expected one")
        require_bounds(graph, {name: x.cpu().numpy() for name, x in network.state_dict().items()}, LARGEST)
        self.network, self.graph, self.deadband = network.eval(), graph, deadband
        self.plans, self.parts, self.seen = plan_of(network), parts_of(graph), seen
        self.last: dict[str, Tensor] = {}
        self.windows: dict[str, Tensor] = {}
        self.computed: dict[str, float] = {}
        self.rest: dict[str, int] = {}
        self.weights: dict[str, Tensor] = {}
        handed_on = [a for n in graph.nodes.values() if isinstance(n.op, Output) for a in n.args]
        self.shared = {*graph.outputs.values(), *handed_on, *(self.parts.read if self.parts.frames > 1 else ())}

    def forget(self) -> None:
        """The next frame is a key frame."""
        self.last, self.windows, self.rest = {}, {}, {}

    @torch.no_grad()
    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A window [W, ...] of each input: a frame, unless the network looks at several."""
        self.parts.check({name: len(x) for name, x in inputs.items()})
        self.computed, frames = {}, list[dict[str, Tensor]]()
        for k in range(self.parts.frames):
            self.last = self._run(self.parts.each, {n: Value(x[k : k + 1], True) for n, x in inputs.items()}, self.last)
            frames.append(self.last)
        if self.parts.frames > 1:
            read = {n: compared(self._joined(n, [f[n] for f in frames]), self.windows.get(n)) for n in self.parts.read}
            self.windows = self._run(self.parts.window, read, self.windows)
        now = self.last | self.windows
        return {name: now[value] for name, value in self.graph.outputs.items()}

    def _joined(self, name: str, frames: list[Tensor]) -> Tensor:
        return frames[-1] if name in self.parts.static else torch.cat(frames)

    def _run(self, names: tuple[str, ...], given: dict[str, Value], last: dict[str, Tensor]) -> dict[str, Tensor]:
        values = dict(given)
        for name in names:
            plan = self.plans[name]
            if isinstance(plan.node.op, Input):
                x = self._arrived(plan.node.op, name, given[name].now, last.get(name))
                values[name] = compared(x, last.get(name))
            else:
                values[name] = self._value(plan, [values[a] for a in plan.args], last.get(name))
        if self.seen is not None:
            self.seen(values)
        return {name: value.now for name, value in values.items()}

    def _arrived(self, op: Input, name: str, x: Tensor, last: Tensor | None) -> Tensor:
        if op.grid and (size := float(x.abs().amax())) > LARGEST:
            raise ValueError(f"input '{name}' holds {size:.3g}, expected at most {LARGEST} in size")
        if last is None or not self.deadband:
            return x.clone()  # the caller may write the next frame into the same memory
        return torch.where((x - last).abs() < self.deadband * 2.0**-op.grid, last, x)

    def _value(self, plan: Plan, args: list[Value], last: Tensor | None) -> Value:
        name = plan.node.name
        if isinstance(plan.node.op, Output):
            return args[0]
        if last is not None and (name in self.parts.static or not any(a.changed for a in args)):
            return Value(last, False)
        places = None if last is None else self._places(plan, args)
        if last is not None and places is not None:
            self.computed[name] = part = share(places, last)
            if part <= plan.dense:
                return self._at(plan, args, places, last)
        self.computed[name] = 1.0
        now = plan.compute([a.now for a in args])
        self._note_shared(plan, args, now)
        if not plan.looked_at:
            return Value(now, True, places)
        if self.rest.get(name, 0):
            self.rest[name] -= 1
            return Value(now, True)
        value = compared(now, last)
        if last is not None and value.changed and (value.places is None or share(value.places, now) > BUSY):
            self.rest[name] = PATIENCE
        return value

    def _note_shared(self, plan: Plan, args: list[Value], now: Tensor) -> None:
        """A view lies in the memory of what it is a view of."""
        memory = now.untyped_storage().data_ptr()
        for name, arg in zip(plan.args, args, strict=True):
            if arg.now.untyped_storage().data_ptr() == memory:
                self.shared |= {name, plan.node.name}

    # ---- only some places -------------------------------------------------------------------------------------------
    def _places(self, plan: Plan, args: list[Value]) -> Places | None:
        """Where to compute; None: everywhere."""
        if plan.part == "box":
            assert isinstance(plan.node.op, Conv)
            places = args[0].places
            return reached(plan.node.op, places, plan.node.shape) if isinstance(places, Box) else None
        if plan.part == "rows":
            return args[0].places
        return self._together(plan, args) if plan.part else None

    def _together(self, plan: Plan, args: list[Value]) -> Places | None:
        places: Places | None = None
        for arg in args:
            if not arg.changed:
                continue
            if arg.places is None or tuple(arg.now.shape[1:]) != plan.node.shape:
                return None
            places = together(arg.places, places)
        return places

    def _at(self, plan: Plan, args: list[Value], places: Places, last: Tensor) -> Value:
        """The last value with the places computed; where it then differs is looked for in these alone."""
        made, differs = self._part(plan, args, places), places
        if plan.looked_at:
            changed, inside = places_of(differences(made, part_of(last, places)))
            if not changed or inside is None:
                return Value(last, False)
            differs = within(inside, places)
        now = last.clone() if plan.node.name in self.shared else last
        put(now, places, made)
        return Value(now, True, differs)

    def _part(self, plan: Plan, args: list[Value], places: Places) -> Tensor:
        node = plan.node
        if isinstance(node.op, Conv):
            assert isinstance(places, Box)
            return self._conv(node, node.op, args[0].now, places)
        whole = node.shape if isinstance(places, Box) else node.shape[:1]
        return plan.compute(
            [part_of(a.now, places) if tuple(a.now.shape[1:][: len(whole)]) == whole else a.now for a in args]
        )

    def _conv(self, node: Node, op: Conv, x: Tensor, box: Box) -> Tensor:
        layer = self.network.part(node.name)
        if node.name not in self.weights:
            self.weights[node.name] = layer.weight * self.network.unit(op.unit)
        shape = (op.stride, 0, op.dilation, op.groups)
        return F.conv2d(read_by(op, x, box), self.weights[node.name], layer.bias, *shape)

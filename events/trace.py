"""How many weight additions a frame takes, framewise and as changes: of every weighted op that counts drive.

    framewise sum |n_t| x fan-out,   as changes sum |n_t - n_(t-1)| x fan-out

What `events.fast` knows to be unchanged is not looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from events.places import Value
from graph import infer
from graph.graph import Graph
from graph.values import Spike


@dataclass
class Driver:
    """A layer, its operand, and how many synapses each of its elements drives; ``sent``: its last |n| x fan-out;
    ``last``: a copy of its last counts, since the stream may write into them."""

    layer: str
    operand: str
    reach: Tensor
    sent: float = 0.0
    last: Tensor | None = None


class Trace:
    """``see``: a `FastStream` calls it every frame; ``taken``: (adds framewise, as changes) since it was asked."""

    def __init__(self, graph: Graph, values: dict[str, infer.Value]) -> None:
        self.drivers, self.whole, self.changes = list[Driver](), 0.0, 0.0
        for node in graph.nodes.values():
            if node.op.weighted and isinstance(values[node.args[0]].kind, Spike):
                reach = torch.from_numpy(node.op.fanout(*graph.inputs(node)).reach())
                self.drivers.append(Driver(node.name, node.args[0], reach))

    def see(self, values: Mapping[str, Value]) -> None:
        for driver in self.drivers:
            if driver.layer not in values:
                continue
            counts = values[driver.operand]
            if counts.changed or driver.last is None:
                n, last = counts.now, driver.last
                driver.sent = float((n.abs() * driver.reach).sum(dtype=torch.float64))
                self.changes += driver.sent if last is None else self._changed(driver, n - last)
                driver.last = n.clone()
            self.whole += driver.sent

    def forget(self) -> None:
        """The next frame is a key frame."""
        for driver in self.drivers:
            driver.last = None

    def taken(self) -> tuple[float, float]:
        sums = self.whole, self.changes
        self.whole = self.changes = 0.0
        return sums

    def _changed(self, driver: Driver, change: Tensor) -> float:
        """A layer whose changes would add more than its counts begins anew."""
        return min(driver.sent, float((change.abs() * driver.reach).sum(dtype=torch.float64)))

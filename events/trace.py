"""How many weight additions a frame takes, framewise and as changes: of every weighted op that counts drive.

    framewise sum |n_t| x fan-out,   as changes sum |n_t - n_(t-1)| x fan-out

What `events.fast` knows to be unchanged is not looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graph.graph import Graph
from graph.infer import Value
from graph.values import Spike


@dataclass
class Driver:
    """A layer's operand and how many synapses each of its elements drives; ``sent``: its last |n| x fan-out."""

    operand: str
    reach: Tensor
    sent: float = 0.0


class Trace:
    """``frame``: (adds framewise, adds as changes) of a frame, from values now and before."""

    def __init__(self, graph: Graph, values: dict[str, Value]) -> None:
        self.drivers = []
        for node in graph.nodes.values():
            if node.op.weighted and isinstance(values[node.args[0]].kind, Spike):
                fan = node.op.fanout(*graph.inputs(node))
                rows, columns = (torch.tensor(f, dtype=torch.float32) for f in (fan.rows, fan.columns))
                local = len(fan.rows) > 1 or len(fan.columns) > 1
                reach = rows[:, None] * columns if local else rows * columns
                self.drivers.append(Driver(node.args[0], reach * fan.channels))

    def frame(self, now: dict[str, Tensor], before: dict[str, Tensor]) -> tuple[float, float]:
        whole = changes = 0.0
        for driver in self.drivers:
            n, last = now[driver.operand], before.get(driver.operand)
            if n is not last:
                driver.sent = float((n.abs() * driver.reach).sum(dtype=torch.float64))
                changes += driver.sent if last is None else self._changed(driver, n - last, n)
            whole += driver.sent
        return whole, changes

    def _changed(self, driver: Driver, change: Tensor, n: Tensor) -> float:
        """A layer whose changes are more events than its counts begins anew."""
        size = change.abs()
        if float(size.sum()) > float(n.abs().sum()):
            return driver.sent
        return float((size * driver.reach).sum(dtype=torch.float64))

"""The value of every graph node while a lowered module runs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx

Seen = Callable[[str, Tensor], None]


class _Watcher(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, seen: Seen) -> None:
        super().__init__(module)
        self.seen = seen

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if "node" in n.meta:
            self.seen(n.meta["node"], value)
        return value


@torch.no_grad()
def observe(module: fx.GraphModule, batch: dict[str, Tensor], seen: Seen) -> dict[str, Tensor]:
    """Run the module on a batch of inputs and report (graph node name, value) as they are computed."""
    names = [n.target for n in module.graph.nodes if n.op == "placeholder"]
    return _Watcher(module, seen).run(*(batch[str(n)] for n in names))

"""``cost``: dense MACs of a frame and parameters, read off the graph with no forward.

``macs`` are those of weighted ops and of products of values, attention's included, as flop counters count them; what
deformable sampling multiplies is listed apart, because they do not see it.
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.graph import Graph
from graph.infer import frame_macs
from graph.ops import DeformSample


@dataclass(frozen=True)
class Cost:
    macs: int
    sampling: int
    parameters: int

    def __str__(self) -> str:
        return (
            f"{self.macs / 1e9:.2f} G MACs a frame and {self.sampling / 1e9:.3f} G in deformable sampling, "
            f"{self.parameters / 1e6:.2f} M parameters"
        )


def cost(graph: Graph) -> Cost:
    macs = frame_macs(graph)
    sampling = sum(n for name, n in macs.items() if isinstance(graph[name].op, DeformSample))
    return Cost(sum(macs.values()) - sampling, sampling, graph.parameters())

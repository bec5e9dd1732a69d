"""What AV2TS adds to the image's features from a Maskige, the image coloured by segments: f + gate(p) * p.

gate(p) = sigmoid(fc2(relu(fc1(mean of p over the map)))), one number a channel (squeeze and excitation).
"""

from __future__ import annotations

from graph.blocks import act, linear
from graph.graph import Graph
from graph.models.av2ts.spec import AV2TSSpec
from graph.ops import Add, Gate, Mul, Reduce, View

SQUEEZE = 16


def enriched(g: Graph, features: list[str], extra: list[str], spec: AV2TSSpec) -> list[str]:
    return [_added(g, i, f, p, spec) for i, (f, p) in enumerate(zip(features, extra, strict=True))]


def _added(g: Graph, level: int, feature: str, extra: str, spec: AV2TSSpec) -> str:
    channels = g[extra].shape[0]
    with g.scope(f"scale_factor_module.{level}"):
        x = g("vector", View(pattern="c 1 1 -> 1 c"), g("pooled", Reduce(axes=(1, 2)), extra))
        x = act(g, "act", linear(g, "fc1", x, max(1, channels // SQUEEZE)), spec, fn="relu")
        gate = g("gate", Gate(fn=spec.gate), linear(g, "fc2", x, channels))
        gated = g("gated", Mul(), extra, g("channels", View(pattern="1 c -> c 1 1"), gate))
        return g("sum", Add(), feature, gated)

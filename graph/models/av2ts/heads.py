"""What every layer of AV2TS's decoder predicts, with one set of weights: classes and masks of the queries.

e = decoder_norm(q);   classes = class_embed(e) [Q, K + 1],   masks = mlp(e) F [Q, H W]
"""

from __future__ import annotations

from graph.blocks import act, norm_op
from graph.graph import Graph
from graph.models.av2ts.spec import AV2TSSpec
from graph.ops import Add, Gate, Linear, MatMul, Norm, Score, Slice, Upsample, View

LAYERS = 3


class PredictionHeads:
    """The heads of one graph; nodes of every call share the modules that are named after ``prefix``."""

    def __init__(self, g: Graph, spec: AV2TSSpec, prefix: str) -> None:
        self.g, self.spec, self.prefix = g, spec, prefix
        self.calls = 0

    def _shared(self, name: str, op: Linear | Norm, x: str) -> str:
        return self.g(name, op, x, weights=f"{self.prefix}{name}")

    def _norm(self, name: str, x: str) -> str:
        return self._shared(name, norm_op(self.g[x].shape[-1], self.spec), x)

    def __call__(self, queries: str) -> tuple[str, str]:
        """queries [Q, C] -> classes [Q, K + 1], and what is multiplied with a feature to make the masks [Q, C]."""
        width = self.spec.hidden
        with self.g.scope(f"heads.{self.calls}"):
            x = self._norm("decoder_norm", queries)
            classes = self._shared("class_embed", Linear(cin=width, cout=self.spec.kinds + 1), x)
            for i in range(LAYERS):
                x = self._shared(f"mask_embed.layers.{i}", Linear(cin=width, cout=width), x)
                if i < LAYERS - 1:
                    x = self._norm(f"mask_embed.norms.{i}", x) if self.spec.hidden_norms else x
                    x = act(self.g, f"act{i}", x, self.spec, fn="relu")
        self.calls += 1
        return classes, x


def masks(g: Graph, name: str, embedded: str, feature: str) -> str:
    """[Q, C] x [C, M] -> logits [Q, M]."""
    return g(name, MatMul(inner=g[feature].shape[0]), embedded, feature)


def semantic(g: Graph, classes: str, logits: str, spec: AV2TSSpec) -> tuple[str, str]:
    """classes [Q, K + 1] and masks [Q, h, w] -> the mask, and the sum over queries [K, S, S] that it is made of:

    sem_c = sum_q softmax(classes)_qc sigmoid(up(mask_q)).  A binary mask is sem_1 - sem_0 [1, S, S], else it is sem.
    """
    total = spec.queries
    shares = g("class_shares", Score(), classes)  # always a softmax: a rectified share that dies never comes back
    up = g("masks_up", Upsample(factor=spec.first_stride), logits)
    size = (("h", spec.image), ("w", spec.image))
    seen = g("mask_shares", Gate(fn=spec.gate, axis=0), up)
    flat = g("mask_shares_flat", View(pattern="q h w -> q (h w)"), seen)

    def summed(name: str, first: int, last: int, scale: float = 1.0) -> str:
        part = g(f"{name}_classes", Slice(axis=-1, start=first, stop=last), shares)
        rows = g(f"{name}_rows", View(pattern="q k -> k q"), part)
        return g(name, MatMul(inner=total, scale=scale), rows, flat)

    def as_map(name: str, x: str) -> str:
        return g(name, View(pattern="k (h w) -> k h w", sizes=size), x)

    sem = as_map("sem_seg", summed("semantic", 0, spec.kinds))
    if spec.classes > 1:
        return sem, sem
    difference = g("difference", Add(), summed("sounding", 1, 2), summed("background", 0, 1, -1.0))
    return as_map("mask", difference), sem

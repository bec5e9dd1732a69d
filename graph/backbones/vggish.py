"""VGGish (Hershey et al. 2017): logmel [1, 96, 64] of one second -> one token [1, 128].

Six 3x3 convolutions and four max poolings give [512, 6, 4]; flattened time first and channel last, then three
Linears, each with a ReLU behind it, the last one too. Names are torchvggish's: layer numbers count ReLUs and poolings.
"""

from __future__ import annotations

from graph.blocks import act, linear
from graph.graph import Graph
from graph.ops import Conv, Pool, View
from graph.spec import BaseSpec

POOL = 0
FEATURES = (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL)
EMBEDDINGS = (4096, 4096, 128)


def vggish(g: Graph, logmel: str, spec: BaseSpec) -> str:
    x, number = logmel, 0
    with g.scope("features"):
        for width in FEATURES:
            if width == POOL:
                x = g(f"{number}", Pool(fn="max", kernel=2, stride=2), x)
                number += 1
                continue
            x = g(f"{number}", Conv(cin=g[x].shape[0], cout=width, kernel=(3, 3), padding=1, bias=True), x)
            x = act(g, f"{number + 1}", x, spec, axis=0, fn="relu")
            number += 2
    x = g("flat", View(pattern="c t f -> 1 (t f c)"), x)
    with g.scope("embeddings"):
        for i, width in enumerate(EMBEDDINGS):
            x = act(g, f"{2 * i + 1}", linear(g, f"{2 * i}", x, width), spec, fn="relu")
    return x

"""PVT-v2 (Wang et al. 2022), b0 to b5, with timm's names: image [3, H, W] -> four stages at strides 4, 8, 16, 32.

A stage is an overlapping patch embedding, then blocks on tokens [N, C], then a norm:

    x = x + attn(norm1 x),  x = x + mlp(norm2 x)
    attn: softmax(q k^T / sqrt d) v, with k and v read from the map after an R x R convolution of stride R
    mlp:  fc2(gelu(dwconv3x3(fc1 x)))

Norms are LayerNorms, whatever the spec's norm is: eps 1e-6 in the stream, 1e-5 in patch embeddings and behind ``sr``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt

from graph.backbones.kinds import After, Backbone, unchanged
from graph.blocks import HEADS_FIRST, HEADS_MERGED, HEADS_TRANSPOSED, act, linear
from graph.graph import Graph
from graph.ops import Add, Conv, Drop, MatMul, Norm, Score, Slice, View
from graph.spec import BaseSpec

TOKENS = "c h w -> (h w) c"
STREAM_EPS, INNER_EPS = 1e-6, 1e-5
DROP_PATH = 0.1  # of the last block; it grows linearly from 0 at the first


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Per stage: blocks, channels, heads, hidden width of the MLP over channels, stride R of the keys and values."""

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int] = (64, 128, 320, 512)
    heads: tuple[int, int, int, int] = (1, 2, 5, 8)
    mlp_ratios: tuple[int, int, int, int] = (8, 8, 4, 4)
    reductions: tuple[int, int, int, int] = (8, 4, 2, 1)


VARIANTS: dict[str, Variant] = {
    "pvt_v2_b0": Variant(depths=(2, 2, 2, 2), widths=(32, 64, 160, 256)),
    "pvt_v2_b1": Variant(depths=(2, 2, 2, 2)),
    "pvt_v2_b2": Variant(depths=(3, 4, 6, 3)),
    "pvt_v2_b3": Variant(depths=(3, 4, 18, 3)),
    "pvt_v2_b4": Variant(depths=(3, 8, 27, 3)),
    "pvt_v2_b5": Variant(depths=(3, 6, 40, 3), mlp_ratios=(4, 4, 4, 4)),
}


@dataclass(frozen=True)
class _Stage:
    """What the blocks of one stage share: the height and width of the map, and its row of the variant."""

    size: tuple[int, int]
    heads: int
    mlp_ratio: int
    reduction: int

    def map(self, g: Graph, name: str, tokens: str) -> str:
        height, width = self.size
        return g(name, View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), tokens)


def _layer_norm(g: Graph, name: str, x: str, eps: float) -> str:
    return g(name, Norm(form="layer", channels=g[x].shape[-1], axis=-1, eps=eps), x)


def _patch_embed(g: Graph, name: str, x: str, cout: int, kernel: int, stride: int) -> tuple[str, tuple[int, int]]:
    """Tokens [N, C] of a map, and its height and width."""
    with g.scope(name):
        op = Conv(cin=g[x].shape[0], cout=cout, kernel=(kernel, kernel), stride=stride, padding=kernel // 2, bias=True)
        y = g("proj", op, x)
        _, height, width = g[y].shape
        return _layer_norm(g, "norm", g("tokens", View(pattern=TOKENS), y), INNER_EPS), (height, width)


def _attention(g: Graph, x: str, stage: _Stage) -> str:
    channels = g[x].shape[-1]
    head, sizes = channels // stage.heads, (("h", stage.heads),)
    with g.scope("attn"):
        q = linear(g, "q", x, channels, init="small")
        memory = x
        if stage.reduction > 1:
            r = stage.reduction
            op = Conv(cin=channels, cout=channels, kernel=(r, r), stride=r, bias=True)
            reduced = g("sr", op, stage.map(g, "map", x))
            memory = _layer_norm(g, "norm", g("tokens", View(pattern=TOKENS), reduced), INNER_EPS)
        kv = linear(g, "kv", memory, 2 * channels, init="small")
        k = g("k", Slice(axis=-1, start=0, stop=channels), kv)
        v = g("v", Slice(axis=-1, start=channels, stop=2 * channels), kv)
        qh = g("q_heads", View(pattern=HEADS_FIRST, sizes=sizes), q)
        kh = g("k_heads", View(pattern=HEADS_TRANSPOSED, sizes=sizes), k)
        vh = g("v_heads", View(pattern=HEADS_FIRST, sizes=sizes), v)
        weights = g("score", Score(), g("logits", MatMul(inner=head, scale=1 / sqrt(head)), qh, kh))
        mixed = g("mixed", MatMul(inner=g[vh].shape[1]), weights, vh)
        return linear(g, "proj", g("merged", View(pattern=HEADS_MERGED), mixed), channels, init="small")


def _mlp(g: Graph, x: str, stage: _Stage, spec: BaseSpec) -> str:
    channels = g[x].shape[-1]
    hidden = channels * stage.mlp_ratio
    with g.scope("mlp"):
        y = stage.map(g, "map", linear(g, "fc1", x, hidden, init="small"))
        y = g("dwconv", Conv(cin=hidden, cout=hidden, kernel=(3, 3), padding=1, groups=hidden, bias=True), y)
        y = act(g, "act", g("tokens", View(pattern=TOKENS), y), spec)
        return linear(g, "fc2", y, channels, init="small")


def _block(g: Graph, x: str, stage: _Stage, spec: BaseSpec, drop: float) -> str:
    def added(name: str, x: str, y: str) -> str:
        y = g(f"drop_path{name}", Drop(p=drop, path=True), y) if drop else y
        return g(f"add{name}", Add(), x, y)

    x = added("1", x, _attention(g, _layer_norm(g, "norm1", x, STREAM_EPS), stage))
    return added("2", x, _mlp(g, _layer_norm(g, "norm2", x, STREAM_EPS), stage, spec))


def _drop_rates(variant: Variant, spec: BaseSpec) -> list[float]:
    last = sum(variant.depths) - 1
    return [DROP_PATH * i / last if spec.dropout else 0.0 for i in range(last + 1)]


def pvt_v2(g: Graph, image: str, spec: BaseSpec, after: After = unchanged, *, variant: Variant) -> list[str]:
    rates = iter(_drop_rates(variant, spec))
    features, x = [], image
    for s, (depth, width) in enumerate(zip(variant.depths, variant.widths, strict=True)):
        name, kernel, stride = ("patch_embed", 7, 4) if s == 0 else (f"stages.{s}.downsample", 3, 2)
        tokens, size = _patch_embed(g, name, x, width, kernel, stride)
        stage = _Stage(size, variant.heads[s], variant.mlp_ratios[s], variant.reductions[s])
        with g.scope(f"stages.{s}"):
            for i in range(depth):
                with g.scope(f"blocks.{i}"):
                    tokens = _block(g, tokens, stage, spec, next(rates))
            x = stage.map(g, "map", _layer_norm(g, "norm", tokens, STREAM_EPS))
        x = after(s, x)
        features.append(x)
    return features


PVT_V2: dict[str, Backbone] = {name: partial(pvt_v2, variant=variant) for name, variant in VARIANTS.items()}

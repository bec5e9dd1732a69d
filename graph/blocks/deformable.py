"""Multi-scale deformable attention (Deformable DETR), and the encoder that is a stack of it.

For each head, query q reads the values of every level l at a few points p, which it places around its reference point:

    out_q = sum over l and p of weight_qlp value_l(reference_ql + offset_qlp)

The encoder's tokens are those of several maps in a row, [sum H W, C]; ``spec.levels`` are the maps' heights and widths
in that order. A token's query has its position and its level's embedding; the values that it samples have neither,
unless ``spec.positions_once`` adds both to the stream.
"""

from __future__ import annotations

from itertools import accumulate

from graph.blocks import feed_forward, linear, norm, sublayer
from graph.graph import Graph
from graph.ops import Add, Concat, Const, DeformSample, Linear, Param, Quantize, Score, Slice, View
from graph.ops.recipes import Recipe
from graph.spec import Activation, BaseSpec

TOKENS = "c h w -> (h w) c"


def spans(spec: BaseSpec) -> list[tuple[int, int]]:
    """Of every level, the numbers of its first token and of the one after its last."""
    sizes = [h * w for h, w in spec.levels]
    ends = list(accumulate(sizes))
    return [(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def deformable_encoder(
    g: Graph,
    maps: list[str],
    spec: BaseSpec,
    *,
    layers: int,
    ffn: int,
    fn: Activation | None = None,
    positions: Recipe = "sine",
    sound: str = "",
) -> str:
    """``layers`` of self-attention and feed-forward (activation ``fn``) over the tokens of all maps. -> memory [S, C].

    ``positions``: a recipe of ``Const``. ``sound`` [1, C], if any, is added to every token.
    """
    tokens = [g(f"tokens.{i}", View(pattern=TOKENS), x) for i, x in enumerate(maps)]
    src = g("src", Concat(axis=0), *tokens)
    total = g[src].shape[0]
    sine = g("positions", Const(recipe=positions, dims=(total, spec.hidden), levels=spec.levels))
    embed = g("level_embed", Param(dims=(len(maps), spec.hidden)))
    spread = [
        g(
            f"level.{i}",
            Add(),
            g(f"sine.{i}", Slice(axis=0, start=a, stop=b), sine),
            g(f"embed.{i}", Slice(axis=0, start=i, stop=i + 1), embed),
        )
        for i, (a, b) in enumerate(spans(spec))
    ]
    position = g("position", Concat(axis=0), *spread)
    if spec.position_bits:
        position = g("position_grid", Quantize(bits=spec.position_bits), position)
    reference = g("reference", Const(recipe="reference", dims=(total, len(maps), 2), levels=spec.levels))
    if spec.positions_once:
        src = g("src_positioned", Add(), src, position)
    if sound:
        src = g("src_sounding", Add(), src, sound)
    for i in range(layers):
        with g.scope(f"transformer.encoder.layers.{i}"):

            def deformed(x: str) -> str:
                query = x if spec.positions_once else g("query", Add(), x, position)
                return deformable_attention(g, "self_attn", query, x, reference, spec)

            src = sublayer(g, "norm1", src, deformed, spec)
            src = sublayer(g, "norm2", src, lambda x: feed_forward(g, x, ffn, spec, fn=fn), spec)
    return src


def deformable_attention(g: Graph, name: str, query: str, value: str, reference: str, spec: BaseSpec) -> str:
    heads, count, points = spec.heads, len(spec.levels), spec.points
    grouped = (("h", heads), ("l", count), ("p", points))
    with g.scope(name):
        v = linear(g, "value_proj", value, spec.hidden)
        if spec.projection_norms:
            v = norm(g, "value_norm", v, spec)
        v = g("value", View(pattern="s (h d) -> s h d", sizes=(("h", heads),)), v)
        look = Linear(
            cin=g[query].shape[-1], cout=heads * count * points * 2, init="zeros", offsets=(heads, count, points)
        )
        offset = g("sampling_offsets", look, query)
        if spec.offset_bits:
            offset = g("grid", Quantize(bits=spec.offset_bits), offset)
        offset = g("offset", View(pattern="q (h l p k) -> q h l p k", sizes=(*grouped, ("k", 2))), offset)
        logits = linear(g, "attention_weights", query, heads * count * points, init="small")
        if spec.projection_norms:
            logits = norm(g, "weights_norm", logits, spec)
        logits = g("weight_logits", View(pattern="q (h k) -> q h k", sizes=(("h", heads),)), logits)
        scale = 2.0 ** -max(0, (count * points - 1).bit_length() - 1)
        weight = g("score", Score(fn=spec.score, scale=scale if spec.score == "relu" else 1.0), logits)
        weight = g("weight", View(pattern="q h (l p) -> q h l p", sizes=(("p", points),)), weight)
        op = DeformSample(levels=spec.levels, heads=heads, points=points, channels=spec.hidden // heads)
        return linear(g, "output_proj", g("sampled", op, v, offset, weight, reference), spec.hidden)

"""Multi-scale deformable self-attention (Deformable DETR): one attention and the encoder made of it.

The encoder's tokens are those of several maps in a row, [sum H W, C]; ``spec.levels`` are the maps' heights and widths
in that order. A token asks with its position and its level's embedding, and samples values that have neither.
"""

from __future__ import annotations

from graph.blocks import feed_forward, linear, norm, sublayer
from graph.graph import Graph
from graph.ops import Add, Concat, Const, DeformSample, Linear, Param, Quantize, Score, Slice, View
from graph.spec import BaseSpec

TOKENS = "c h w -> (h w) c"


def spans(spec: BaseSpec) -> list[tuple[int, int]]:
    """First and last + 1 token of every level."""
    found, start = [], 0
    for h, w in spec.levels:
        found.append((start, start + h * w))
        start += h * w
    return found


def deformable_encoder(
    g: Graph,
    maps: list[str],
    spec: BaseSpec,
    *,
    layers: int,
    ffn: int,
    fn: str = "",
    positions: str = "sine",
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
    if spec.pre_norm:
        src = g("src_positioned", Add(), src, position)
    if sound:
        src = g("src_sounding", Add(), src, sound)
    for i in range(layers):
        with g.scope(f"transformer.encoder.layers.{i}"):

            def deformed(x: str) -> str:
                query = x if spec.pre_norm else g("query", Add(), x, position)
                return deformable_attention(g, "self_attn", query, x, reference, spec)

            src = sublayer(g, "norm1", src, deformed, spec)
            src = sublayer(g, "norm2", src, lambda x: feed_forward(g, x, ffn, spec, fn=fn), spec)
    return src


def deformable_attention(g: Graph, name: str, query: str, value: str, reference: str, spec: BaseSpec) -> str:
    heads, count, points = spec.heads, len(spec.levels), spec.points
    grouped = (("h", heads), ("l", count), ("p", points))
    with g.scope(name):
        v = linear(g, "value_proj", value, spec.hidden)
        if spec.norm == "batch":
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
        if spec.norm == "batch":
            logits = norm(g, "weights_norm", logits, spec)
        logits = g("weight_logits", View(pattern="q (h k) -> q h k", sizes=(("h", heads),)), logits)
        scale = 2.0 ** -max(0, (count * points - 1).bit_length() - 1)
        weight = g("score", Score(fn=spec.score, scale=scale if spec.score == "relu" else 1.0), logits)
        weight = g("weight", View(pattern="q h (l p) -> q h l p", sizes=(("p", points),)), weight)
        op = DeformSample(levels=spec.levels, heads=heads, points=points, channels=spec.hidden // heads)
        return linear(g, "output_proj", g("sampled", op, v, offset, weight, reference), spec.hidden)

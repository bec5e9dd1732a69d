"""AV2TS's decoder (Mask2Former's): queries attend to one memory after the other, each within its own mask so far.

    q_i = query_feat_i + sound_i.   Layer k:  cross-attention to memory k mod 4, self-attention, feed-forward
    cross: softmax(mask(q k^T / sqrt d)) v,  k from memory + level + position,  v from memory + level;
           blocked where the query's mask logit is negative there

A mask in a memory's resolution is the query times the mask feature in that resolution: the product and the resizing
are both linear, so the feature is resized once for each size and no mask is ever resized.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from graph.blocks import attend, feed_forward, linear, norm, sublayer
from graph.blocks.token_block import Heads, score
from graph.graph import Graph
from graph.models.av2ts.heads import PredictionHeads, masks
from graph.models.av2ts.pixel_decoder import sine
from graph.models.av2ts.spec import AV2TSSpec
from graph.ops import Add, Downsample, Mask, MatMul, Param, Slice, View


@dataclass(frozen=True)
class Memory:
    """Tokens of a map as keys and as values [M, C], and the mask feature at the map's size [C, M]."""

    keys: str
    values: str
    feature: str


def memories(g: Graph, tokens: list[str], sizes: list[tuple[int, int]], feature: str, spec: AV2TSSpec) -> list[Memory]:
    embed = g("level_embed.weight", Param(dims=(len(tokens), spec.hidden)))
    smaller: dict[tuple[int, int], str] = {}
    parts = []
    for i, (x, size) in enumerate(zip(tokens, sizes, strict=True)):
        with g.scope(f"memories.{i}"):
            level = g("level", Slice(start=i, stop=i + 1), embed)
            values = g("values", Add(), x, level)
            keys = g("keys", Add(), values, sine(g, "positions", size, spec))
            if size not in smaller:
                small = g("feature", Downsample(divisor=g[feature].shape[-1] // size[1]), feature)
                smaller[size] = g("feature_flat", View(pattern="c h w -> c (h w)"), small)
            parts.append(Memory(keys, values, smaller[size]))
    return parts


def _masked_attention(g: Graph, query: str, memory: Memory, mask: str, spec: AV2TSSpec) -> str:
    along = Heads(spec.heads)
    with g.scope("multihead_attn"):
        q, k, v = (
            linear(g, f"{n}_proj", x, spec.hidden) for n, x in (("q", query), ("k", memory.keys), ("v", memory.values))
        )
        if spec.projection_norms:
            q, k, v = (norm(g, f"{n}_norm", x, spec) for n, x in (("q", q), ("k", k), ("v", v)))
        qh, kh, vh = along.split(g, "q", q), along.split(g, "k", k, transposed=True), along.split(g, "v", v)
        keys, head = g[vh].shape[1:]
        logits = g("logits", MatMul(inner=head, scale=1 / sqrt(head)), qh, kh)
        own = g("mask", View(pattern="q m -> 1 q m"), mask)
        weights = score(g, "score", g("masked", Mask(threshold=0.0), logits, own), spec)
        mixed = g("mixed", MatMul(inner=keys), weights, vh)
        return linear(g, "out_proj", along.merge(g, mixed), spec.hidden)


def _self_attention(g: Graph, x: str, positioned: str, spec: AV2TSSpec) -> str:
    with g.scope("self_attn"):
        sources = (("q", positioned), ("k", positioned), ("v", x))
        q, k, v = (linear(g, f"{n}_proj", source, spec.hidden) for n, source in sources)
        return linear(g, "out_proj", attend(g, q, k, v, spec), spec.hidden)


def _layer(g: Graph, x: str, number: int, embed: str, memory: Memory, mask: str, spec: AV2TSSpec) -> str:
    def positioned(x: str) -> str:
        return g("positioned", Add(), x, embed)

    with g.scope(f"transformer_cross_attention_layers.{number}"):
        x = sublayer(g, "norm", x, lambda y: _masked_attention(g, positioned(y), memory, mask, spec), spec)
    with g.scope(f"transformer_self_attention_layers.{number}"):
        x = sublayer(g, "norm", x, lambda y: _self_attention(g, y, positioned(y), spec), spec)
    with g.scope(f"transformer_ffn_layers.{number}"):
        return sublayer(g, "norm", x, lambda y: feed_forward(g, y, spec.decoder_ffn, spec, fn="relu"), spec)


@dataclass(frozen=True)
class Predicted:
    """Classes [Q, K + 1] and mask logits [Q, h, w] of one call of the heads."""

    classes: str
    masks: str


def decoder(g: Graph, sounds: str, parts: list[Memory], feature: str, spec: AV2TSSpec, prefix: str) -> list[Predicted]:
    """sounds [Q, C], the mask feature [C, h, w] -> what the heads say before the first layer and after each one."""
    dims = (spec.queries, spec.hidden)
    start = g("query_feat.weight", Param(dims=dims, init=spec.query_init))
    embed = g("query_embed.weight", Param(dims=dims, init=spec.query_init))
    x = g("queries", Add(), sounds, start)
    heads = PredictionHeads(g, spec, prefix)
    predictions = []
    flat = g("feature_flat", View(pattern="c h w -> c (h w)"), feature)
    _, height, width = g[feature].shape
    for i in range(spec.decoder_layers + 1):
        classes, embedded = heads(x)
        full = masks(g, f"heads.{i}.masks", embedded, flat)
        full = g(f"heads.{i}.mask_maps", View(pattern="q (h w) -> q h w", sizes=(("h", height), ("w", width))), full)
        predictions.append(Predicted(classes, full))
        if i < spec.decoder_layers:
            memory = parts[i % len(parts)]
            own = masks(g, f"heads.{i}.attention_mask", embedded, memory.feature)
            x = _layer(g, x, i, embed, memory, own, spec)
    return predictions

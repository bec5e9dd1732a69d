"""The skeleton that AVSegFormer and MI-AVS share: neck, query generator, deformable encoder, decoder, mask head.

Frames are independent: image [3, H, W] and log-mel [1, 96, 64] of one second in, mask logits [classes, H, W] out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from graph.backbones import AUDIO, BACKBONES
from graph.blocks import act, attention, conv_block, feed_forward, hidden_norm, inputs, levels, linear, norm, sublayer
from graph.blocks.deformable import deformable_encoder, spans
from graph.graph import Graph
from graph.ops import (
    Add,
    Conv,
    Expand,
    MatMul,
    Param,
    Slice,
    Upsample,
    View,
)
from graph.spec import Spec


@dataclass(frozen=True)
class Fused:
    """What a fusion block returns: the mask feature after the gate, and its extra training outputs by name."""

    feature: str
    training: dict[str, str]


Fusion = Callable[[Graph, str, str, Spec], Fused]


def build(name: str, spec: Spec, fusion: Fusion) -> Graph:
    g = Graph(name=name)
    image, logmel = inputs(g, spec)
    with g.scope("backbone"):
        features = BACKBONES[spec.backbone](g, image, spec)
    with g.scope("audio"):
        token = AUDIO[spec.audio](g, logmel, spec)
    audio = linear(g, "audio_proj", token, spec.hidden)
    with g.scope("head"):
        maps = neck(g, features, spec)
        queries = query_generator(g, audio, image, spec)
        memory = encoder(g, maps[1:], audio, spec)
        queries = decoder(g, queries, memory, spec)
        feature = mask_feature(g, maps[0], memory, spec)
        with g.scope("fusion_block"):
            fused = fusion(g, feature, audio, spec)
        logits = mask_head(g, queries, fused.feature, spec)
    g.output("mask", logits)
    named = {"mask_feature": feature, "fused_feature": fused.feature, "audio_token": audio, **fused.training}
    g.training_outputs({**levels(maps), **named})
    return g


def neck(g: Graph, features: list[str], spec: Spec) -> list[str]:
    """A 1x1 convolution and a norm to each level: the finest to ``mask_dim``, the rest to ``hidden``."""
    widths = (spec.mask_dim, *(spec.hidden for _ in features[1:]))
    return [
        conv_block(g, f"in_proj.{i}", x, width, spec, fn=None)
        for i, (x, width) in enumerate(zip(features, widths, strict=True))
    ]


def query_generator(g: Graph, audio: str, image: str, spec: Spec) -> str:
    """Learned queries that attend to themselves and to the sound of the second; plus a second learned table. Without
    dropout."""
    spec = replace(spec, dropout=0.0)
    with g.scope("query_generator"):
        table = g("query.weight", Param(dims=(spec.queries, spec.hidden), init=spec.query_init))
        q = g("query.frames", Expand(to="once"), table, image) if spec.pre_norm else table
        for i in range(spec.query_layers):
            with g.scope(f"layers.{i}"):
                q = sublayer(g, "norm1", q, lambda x: attention(g, "self_attn", x, x, spec, bias=False), spec)
                q = sublayer(g, "norm2", q, lambda x: attention(g, "cross_attn", x, audio, spec, bias=False), spec)
                q = sublayer(g, "norm3", q, lambda x: _ffn(g, x, spec.query_ffn, spec), spec)
    return g(
        "queries", Add(), q, g("learnable_query.weight", Param(dims=(spec.queries, spec.hidden), init=spec.query_init))
    )


def _ffn(g: Graph, x: str, width: int, spec: Spec) -> str:
    with g.scope("ffn"):
        return feed_forward(g, x, width, spec)


def encoder(g: Graph, levels: list[str], audio: str, spec: Spec) -> str:
    """Deformable self-attention over the tokens of the three coarser levels. -> memory [S, C]."""
    sound = audio if spec.early_audio else ""
    return deformable_encoder(g, levels, spec, layers=spec.encoder_layers, ffn=spec.ffn, sound=sound)


def _cross_attention(g: Graph, memory: str, spec: Spec, x: str) -> str:
    return attention(g, "cross_attn", x, memory, spec)


def decoder(g: Graph, queries: str, memory: str, spec: Spec) -> str:
    """Queries attend to themselves and to the whole memory; only the last layer's output is used."""
    for i in range(spec.decoder_layers):
        with g.scope(f"transformer.decoder.layers.{i}"):
            source = norm(g, "memory_norm", memory, spec) if spec.pre_norm else memory
            queries = sublayer(g, "norm1", queries, lambda x: attention(g, "self_attn", x, x, spec), spec)
            attend = partial(_cross_attention, g, source, spec)
            queries = sublayer(g, "norm2", queries, attend, spec)
            queries = sublayer(g, "norm3", queries, lambda x: feed_forward(g, x, spec.ffn, spec), spec)
    return norm(g, "query_norm", queries, spec) if spec.pre_norm else queries


def mask_feature(g: Graph, fine: str, memory: str, spec: Spec) -> str:
    """out_conv(lateral_conv(finest level) + up(memory of the next level)) -> [mask_dim, H0, W0]."""
    start, stop = spans(spec)[0]
    height, width = spec.levels[0]
    coarse = g("memory_fine", Slice(axis=0, start=start, stop=stop), memory)
    if spec.hidden != spec.mask_dim:
        if spec.pre_norm:
            coarse = norm(g, "memory_norm", coarse, spec)
        coarse = linear(g, "memory_proj", coarse, spec.mask_dim)
    coarse = g("memory_map", View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), coarse)
    mode = "nearest" if spec.pre_norm else "bilinear"
    up = g("memory_up", Upsample(factor=2, mode=mode), coarse)
    total = g("mask_add", Add(), conv_block(g, "lateral_conv", fine, spec.mask_dim, spec, fn=None), up)
    if spec.pre_norm:
        total = act(g, "mask_act", norm(g, "mask_norm", total, spec, axis=0), spec, axis=0, fn="relu")
    return conv_block(g, "out_conv", total, spec.mask_dim, spec, kernel=3)


def mask_head(g: Graph, queries: str, feature: str, spec: Spec) -> str:
    """fc(feature + mlp(queries x feature)): every query's similarity map is a channel of the MLP's input."""
    channels, height, width = g[feature].shape
    if spec.hidden != spec.mask_dim:
        queries = linear(g, "query_proj", queries, spec.mask_dim)
        if spec.norm == "batch":
            queries = norm(g, "query_proj_norm", queries, spec)
    flat = g("feature_flat", View(pattern="c h w -> c (h w)"), feature)
    scale = 0.25 if spec.pre_norm else 1.0
    maps = g("query_maps", MatMul(inner=channels, scale=scale), queries, flat)
    maps = g("query_map", View(pattern="q (h w) -> q h w", sizes=(("h", height), ("w", width))), maps)
    with g.scope("mlp.layers"):
        for i, cout in enumerate(
            (spec.mlp, spec.mlp, spec.mask_dim) if not spec.pre_norm else (spec.mlp, spec.mask_dim)
        ):
            if i:
                maps = norm(g, f"hidden_norm{i - 1}", maps, spec, axis=0) if spec.hidden_norms else maps
                maps = act(g, f"act{i}", maps, spec, axis=0, fn="relu")
            maps = g(f"{i}", Conv(cin=g[maps].shape[0], cout=cout, bias=True), maps)
            if spec.norm == "batch":
                maps = norm(g, f"norm{i}", maps, spec, axis=0)
    x = g("fc_input", Add(), feature, maps)
    return fc(g, x, spec)


def fc(g: Graph, x: str, spec: Spec) -> str:
    """Conv3x3, upsample, Conv3x3, ReLU, Conv1x1; the upsampling last where the spec says so."""
    wide, narrow = spec.fc
    stride = spec.stem_stride

    def conv3(name: str, x: str, cout: int) -> str:
        return g(name, Conv(cin=g[x].shape[0], cout=cout, kernel=(3, 3), padding=1, bias=True), x)

    with g.scope("fc"):
        if spec.pre_norm:
            x = act(g, "in_act", norm(g, "in_norm", x, spec, axis=0), spec, axis=0, fn="relu")
        x = conv3("0", x, wide)
        if spec.upsample_last:
            x = act(g, "act0", norm(g, "norm0", x, spec, axis=0), spec, axis=0, fn="relu")
        else:
            x = g("1", Upsample(factor=stride), x)
        x = conv3("2", x, narrow)
        x = hidden_norm(g, "norm2", x, spec, axis=0)
        x = act(g, "3", x, spec, axis=0, fn="relu")
        x = g("4", Conv(cin=narrow, cout=spec.classes, bias=spec.upsample_last, init="small"), x)
        return g("up", Upsample(factor=stride), x) if spec.upsample_last else x

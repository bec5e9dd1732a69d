"""The skeleton that AVSegFormer and MI-AVS share: neck, query generator, deformable encoder, decoder, mask head.

Frames are independent: image [3, H, W] and log-mel [1, 96, 64] of one second in, mask logits [classes, H, W] out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from graph.backbones import audio_network, image_network
from graph.blocks import attention, conv_block, feed_forward, inputs, levels, linear, norm, sublayer
from graph.blocks.deformable import deformable_encoder
from graph.graph import Graph
from graph.models.mask_transformer.mask import mask_feature, mask_head
from graph.models.mask_transformer.spec import SPECS, Spec
from graph.ops import Add, Expand, Param


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
        features = image_network(spec)(g, image, spec)
    with g.scope("audio"):
        token = audio_network(spec)(g, logmel, spec)
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
    """Learnt queries attend to themselves and to the sound of the second; then a second learnt table is added. Without
    dropout. -> [Q, C]"""
    spec = replace(spec, dropout=0.0)
    with g.scope("query_generator"):
        table = g("query.weight", Param(dims=(spec.queries, spec.hidden), init=spec.query_init))
        q = g("query.frames", Expand(to="once"), table, image) if spec.queries_by_frame else table
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
            source = norm(g, "memory_norm", memory, spec) if spec.stream_norms else memory
            queries = sublayer(g, "norm1", queries, lambda x: attention(g, "self_attn", x, x, spec), spec)
            attend = partial(_cross_attention, g, source, spec)
            queries = sublayer(g, "norm2", queries, attend, spec)
            queries = sublayer(g, "norm3", queries, lambda x: feed_forward(g, x, spec.ffn, spec), spec)
    return norm(g, "query_norm", queries, spec) if spec.stream_norms else queries


__all__ = ["SPECS", "Fused", "Fusion", "Spec", "build"]

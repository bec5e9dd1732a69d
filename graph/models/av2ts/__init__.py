"""AV2TS (a fork of COMBO): sounds and pixels that follow each other through a clip, and a masked-attention decoder.

image [3, S, S], log-mel [1, 96, 64] (and, where the spec says so, maskige [3, S, S]) of one second; a clip's F frames
meet in ``temporal`` alone. Training outputs: ``queries_class_k`` [Q, K + 1] and ``queries_mask_k`` [Q, h, w] for k = 0
(before the decoder's first layer) to its last, and ``sem_seg`` [K, S, S].
"""

from __future__ import annotations

from dataclasses import replace

from graph.backbones import audio_network, image_network
from graph.blocks import inputs, levels
from graph.graph import Graph
from graph.models.av2ts.decoder import decoder, memories
from graph.models.av2ts.heads import semantic
from graph.models.av2ts.maskiges import enriched
from graph.models.av2ts.osa import fused
from graph.models.av2ts.pixel_decoder import pixel_decoder
from graph.models.av2ts.spec import AV2TS_SPECS, AV2TSSpec
from graph.models.av2ts.temporal import audio_tokens, visual_features
from graph.ops import Reduce
from graph.spec import BaseSpec

PREDICTOR = "predictor"


def core(g: Graph, features: list[str], logmel: str, spec: AV2TSSpec, extra: list[str] | None = None) -> None:
    """All that stands behind the image's backbone. ``extra``: the features of the Maskige, if there are any."""
    with g.scope("audio"):
        x = audio_network(spec)(g, logmel, spec)
    sounds, match = audio_tokens(g, x, spec)
    seen = levels(features)
    if extra:
        features = enriched(g, features, extra, spec)
    maps = visual_features(g, features, match, spec)
    with g.scope("pixel_decoder"):
        tokens, feature = pixel_decoder(g, maps, spec)
    with g.scope("fusion_module"):
        pixels, aware, size = fused(g, feature, sounds, spec)
    with g.scope(PREDICTOR):
        parts = memories(g, [*tokens, pixels], [*spec.levels, size], feature, spec)
        predictions = decoder(g, aware, parts, feature, spec, f"{PREDICTOR}.")
        mask, sem = semantic(g, predictions[-1].classes, predictions[-1].masks, spec)
    g.output("mask", mask)
    token = g("audio_token", Reduce(axes=(0,)), sounds)
    named = {**seen, "mask_feature": feature, "audio_token": token, "sem_seg": sem}
    for k, predicted in enumerate(predictions):
        named |= {f"queries_class_{k}": predicted.classes, f"queries_mask_{k}": predicted.masks}
    g.training_outputs(named)


def av2ts(spec: AV2TSSpec) -> Graph:
    g = Graph(name="av2ts")
    image, logmel = inputs(g, spec)
    dropping = replace(spec, dropout=BaseSpec.dropout if spec.drop_path else 0.0)
    with g.scope("backbone"):
        features = image_network(spec)(g, image, dropping)
    extra = None
    if spec.maskiges:
        maskige = g("maskige", g[image].op)
        with g.scope("pre_backbone"):
            extra = image_network(spec)(g, maskige, dropping)
    core(g, features, logmel, spec, extra)
    return g


__all__ = ["AV2TS_SPECS", "AV2TSSpec", "av2ts", "core"]

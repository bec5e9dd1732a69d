"""ETAVS ("A Simple Baseline for Parameter-Efficient AVS"): frozen encoders, a messenger after every visual stage.

image [3, H, W] and log-mel [1, 96, 64] of one second -> mask logits [classes, H, W]. The batch is whole windows of
``spec.window`` consecutive frames, which exchange messages. The encoders do not train, but gradients pass through the
visual one: a messenger's output is the next stage's input.
"""

from __future__ import annotations

from graph.backbones import audio_network, image_network
from graph.blocks import inputs, levels
from graph.graph import Graph
from graph.models.etavs.decoder import decoder
from graph.models.etavs.messenger import messenger
from graph.models.etavs.spec import ETAVS_SPECS, EtavsSpec


def etavs(spec: EtavsSpec) -> Graph:
    g = Graph(name="etavs")
    image, logmel = inputs(g, spec)
    with g.scope("audio"):
        token = audio_network(spec)(g, logmel, spec)
    if g[token].shape != (1, spec.messenger):
        raise ValueError(f"spec.messenger is {spec.messenger}, expected the width of '{spec.audio}', {g[token].shape}")
    audios, seen = [], []

    def after(stage: int, feature: str) -> str:
        seen.append(feature)
        with g.root():
            feature, audio = messenger(g, stage, feature, token, spec)
        audios.append(audio)
        return feature

    with g.scope("backbone"):
        features = image_network(spec)(g, image, spec, after)
    mask, feature = decoder(g, features, audios, spec)
    g.output("mask", mask)
    g.training_outputs({**levels(seen), "mask_feature": feature, "audio_token": token})
    return g


__all__ = ["ETAVS_SPECS", "EtavsSpec", "etavs"]

"""QSD / QDFormer (Li et al., CVPR 2024): segment by quantised, decomposed semantics of the sound.

    clip's sound -> n quantised semantics VQ(g_i) -> recombined with what is seen, at several scales -> encoder
    frame's sound, VQ(g_i) -> VQ(l_{t,i}) by the same codebook -> queries of the mask decoder -> masks

The paper gives this order, the one shared codebook that only the global stage moves, and the distillation from global
to local. Its base code (R2VOS, ReferFormer) gives: codebook 512 x 256 with decay 0.99 and commitment 0.25, hidden 256,
4 + 4 deformable layers with 4 scales, 4 points and 8 heads, ReLU feed-forward of 2048, 5 queries, 5 frames, the
multiplicative fusion, the pyramid and the dynamic mask filters. What neither says is our choice: how the sound is
decomposed (a transformer layer over the clip, then learned queries; one layer each), n = 5, one group a semantic, the
same for the local stage, a squared distance between entries as distillation, sine positions in time. Left out: the
attention of every pyramid map to the words, boxes and matching; a dense mask loss trains instead.

A row of the decomposition is a clip of ``spec.frames`` frames, so batches are whole clips, their frames in order.
"""

from __future__ import annotations

from graph.backbones import audio_network, image_network
from graph.blocks import inputs, levels, linear
from graph.graph import Graph
from graph.models.qsd.masks import decoded, masks
from graph.models.qsd.pixels import encoded, mask_feature, projected, recombined
from graph.models.qsd.semantics import semantics
from graph.models.qsd.spec import QSD_SPECS, QsdSpec
from graph.ops import Reduce


def qsd(spec: QsdSpec) -> Graph:
    g = Graph(name="qsd")
    image, logmel = inputs(g, spec)
    with g.scope("backbone"):
        features = image_network(spec)(g, image, spec)
    with g.scope("audio"):
        tokens = audio_network(spec)(g, logmel, spec)
    audio = linear(g, "audio_proj", tokens, spec.hidden)
    with g.scope("semantics"):
        heard = semantics(g, audio, spec)
    with g.scope("pixels"):
        maps = recombined(g, projected(g, features, spec), heard.clip, spec)
        memory = encoded(g, maps, spec)
        feature = mask_feature(g, features[0], memory, spec)
    with g.scope("decoder"):
        logits = masks(g, decoded(g, heard.frame, memory, spec), feature, spec)
    g.output("mask", logits)
    token = audio if g[audio].shape[0] == 1 else g("audio_mean", Reduce(axes=(0,)), audio)
    g.training_outputs({**levels(features), "mask_feature": feature, "audio_token": token, **heard.losses})
    return g


__all__ = ["QSD_SPECS", "QsdSpec", "qsd"]

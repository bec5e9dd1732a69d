"""QSD's picture: audiovisual semantic recombination, the deformable encoder and the pyramid under the masks.

The tokens of all maps [S, C] attend to the clip's quantised semantics [n, C], and each makes its own mixture of them:
x <- x * attention(x, VQ(g)), by one module for all maps as in the base code; or x + attention, where the spec adds.
"""

from __future__ import annotations

from graph.blocks import attention, conv_block, norm
from graph.blocks.deformable import TOKENS, deformable_encoder, spans
from graph.graph import Graph
from graph.models.qsd.spec import QsdSpec
from graph.ops import Add, Concat, Conv, Mul, Slice, Upsample, View

PYRAMID = 3  # maps of the encoder that the pyramid reads; coarser ones only serve the encoder


def projected(g: Graph, features: list[str], spec: QsdSpec) -> list[str]:
    """The three coarser stages at ``hidden`` channels, then strided 3x3 convolutions of the last for further maps."""
    maps = [conv_block(g, f"input_proj.{i}", x, spec.hidden, spec, fn=None) for i, x in enumerate(features[1:])]
    for i in range(len(maps), spec.maps):
        last = features[-1] if i == len(features) - 1 else maps[-1]
        maps.append(conv_block(g, f"input_proj.{i}", last, spec.hidden, spec, kernel=3, stride=2, fn=None))
    return maps


def recombined(g: Graph, maps: list[str], semantics: str, spec: QsdSpec) -> list[str]:
    tokens = [g(f"seen.{i}", View(pattern=TOKENS), x) for i, x in enumerate(maps)]
    x = g("seen", Concat(axis=0), *tokens)
    query = norm(g, "recombine_norm", x, spec) if spec.stream_norms else x
    mixture = attention(g, "recombine", query, semantics, spec, drop=False)
    x = g("recombined", Mul() if spec.recombine == "multiply" else Add(), x, mixture)
    return [_map(g, f"recombined.{i}", x, i, spec) for i in range(len(maps))]


def _map(g: Graph, name: str, tokens: str, level: int, spec: QsdSpec) -> str:
    (start, stop), (height, width) = spans(spec)[level], spec.levels[level]
    part = g(f"{name}.tokens", Slice(axis=0, start=start, stop=stop), tokens)
    return g(f"{name}.map", View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), part)


def encoded(g: Graph, maps: list[str], spec: QsdSpec) -> str:
    """-> memory [S, C]"""
    memory = deformable_encoder(
        g, maps, spec, layers=spec.encoder_layers, ffn=spec.ffn, fn="relu", positions="sine_normalised"
    )
    return norm(g, "memory_norm", memory, spec) if spec.stream_norms else memory


def mask_feature(g: Graph, fine: str, memory: str, spec: QsdSpec) -> str:
    """Top-down: y <- layer(adapter(map) + up(y)), coarse to fine; then a 3x3 convolution -> [mask_dim, H0, W0]."""
    below = [_map(g, f"memory.{i}", memory, i, spec) for i in range(PYRAMID)]
    y = ""
    for i, x in reversed(list(enumerate([fine, *below], 1))):
        x = conv_block(g, f"adapter_{i}", x, spec.hidden, spec, fn=None)
        if y:
            x = g(f"sum_{i}", Add(), x, g(f"up_{i}", Upsample(factor=2, mode="nearest"), y))
        y = conv_block(g, f"layer_{i}", x, spec.hidden, spec, kernel=3)
    bias = spec.bias_before_norms or not spec.mask_feature_norm
    y = g("mask_features", Conv(cin=spec.hidden, cout=spec.mask_dim, kernel=(3, 3), padding=1, bias=bias), y)
    return norm(g, "mask_features_norm", y, spec, axis=0) if spec.mask_feature_norm else y

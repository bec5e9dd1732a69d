"""ETAVS's mask decoder: fuse each stage with its sound, then a top-down pyramid.

    s = norm(x + attention(x, thinned x))                      pixels look at a coarser grid of themselves
    f = norm2(ffn(norm1(attention(s, audio) + s)))             no residual around the feed-forward layer
    p_i = relu(conv3x3(f_i + up(p_{i+1}))),  mask = conv3x3(up_4(p_0))

f_i is projected by a 1x1 convolution, before or after the fusion (``narrow_first``).
"""

from __future__ import annotations

from graph.blocks import act, dropped, hidden_norm, norm
from graph.blocks.upsampled_conv import conv_of_upsampled
from graph.graph import Graph
from graph.models.etavs.messenger import halves, project, read
from graph.models.etavs.spec import EtavsSpec
from graph.ops import Add, Conv, Downsample, Resize, Upsample, View

TOKENS = "c h w -> (h w) c"


def decoder(g: Graph, features: list[str], audios: list[str], spec: EtavsSpec) -> tuple[str, str]:
    """Features [C_i, h_i, w_i] and sounds [1, C_i], finest first -> mask logits, and the map they are read from."""
    feature = ""
    with g.scope("decoder"):
        for i in reversed(range(len(features))):
            x = _fused(g, i, features[i], audios[i], spec)
            if feature:
                x = g(f"sum.{i}", Add(), x, resized(g, f"up.{i}", feature, g[x].shape[1:]))
            x = g(f"layer.{i}", Conv(cin=spec.hidden, cout=spec.hidden, kernel=(3, 3), padding=1), x)
            x = hidden_norm(g, f"norm.{i}", x, spec, axis=0)
            feature = act(g, f"act.{i}", x, spec, axis=0, fn="relu")
        return conv_of_upsampled(g, "mask", feature, spec.classes, spec.first_stride), feature


def resized(g: Graph, name: str, x: str, size: tuple[int, ...]) -> str:
    """A map at another height and width, each pixel that of the nearest place; in whole blocks where they divide."""
    height, width = g[x].shape[1:]
    if size == (height, width):
        return x
    up, down = size[0] // height, height // max(size[0], 1)
    if size == (up * height, up * width):
        return g(name, Upsample(factor=up, mode="nearest"), x)
    if (height, width) == (down * size[0], down * size[1]):
        return g(name, Downsample(divisor=down, mode="nearest"), x)
    return g(name, Resize(size=(size[0], size[1])), x)


def _fused(g: Graph, i: int, x: str, audio: str, spec: EtavsSpec) -> str:
    def narrowed(x: str) -> str:
        return g(f"adapter.{i}", Conv(cin=g[x].shape[0], cout=spec.hidden), x)

    if spec.narrow_first:
        return _fusion(g, i, narrowed(x), project(g, f"audio_proj.{i}", audio, spec.hidden, spec), spec)
    return narrowed(_fusion(g, i, x, audio, spec))


def _fusion(g: Graph, i: int, x: str, audio: str, spec: EtavsSpec) -> str:
    _, height, width = g[x].shape
    thin = resized(g, f"thin.{i}", x, (height // spec.reductions[i], width // spec.reductions[i]))
    with g.scope(f"fusion.{i}"):
        pixels, memory = (g(name, View(pattern=TOKENS), y) for name, y in (("pixels", x), ("memory", thin)))
        with g.scope("spatial_attn"):
            seen = dropped(g, "out_drop", _attention(g, pixels, memory, spec), spec)
            pixels = norm(g, "norm", g("add", Add(), pixels, seen), spec)
        with g.scope("cross_attn"):
            heard = _attention(g, pixels, audio, spec)
            pixels = g("add", Add(), heard, dropped(g, "residual_drop", pixels, spec))
        y = _feed_forward(g, norm(g, "norm1", pixels, spec), spec)
        y = norm(g, "norm2", y, spec)
        return g("feature", View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), y)


def _attention(g: Graph, query: str, memory: str, spec: EtavsSpec) -> str:
    """Keys and values are projected twice: by one layer of both, then each by its own."""
    width = g[query].shape[-1]
    key, value = halves(g, "memory", project(g, "kv_proj", memory, 2 * width, spec))
    q, k, v = (project(g, f"{n}_proj", x, width, spec) for n, x in (("q", query), ("k", key), ("v", value)))
    return project(g, "out_proj", read(g, q, k, v, spec), width, spec)


def _feed_forward(g: Graph, x: str, spec: EtavsSpec) -> str:
    """linear2(relu(linear1(x))), whatever the backbone's activation."""
    width = g[x].shape[-1]
    with g.scope("ffn"):
        y = project(g, "linear1", x, spec.ffn_ratio * width, spec)
        y = hidden_norm(g, "norm", y, spec)
        y = dropped(g, "drop", act(g, "act", y, spec, fn="relu"), spec)
        return project(g, "linear2", y, width, spec)

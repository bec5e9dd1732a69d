"""Time in AV2TS: the sounds of a clip attend to each other (TAA), and what is seen follows their attention (TVA).

TAA: three blocks along the F seconds of a clip, patch by patch of the log-mel. Four groups of N tokens become 4 N:
    linear1(x), linear2(norm1 of block 2), linear3(norm1 of block 3), linear4(norm(output))
TVA: at every pixel of every level, with one map of attention for all of them,
    x = x + proj(softmax(A) v(norm1 x)),  x = x + mlp(norm2 x);   A [h, F, F] = mean over N of block 3's q k^T / sqrt d
"""

from __future__ import annotations

from graph.blocks import conv_block, linear, norm
from graph.blocks.token_block import block, mlp, score
from graph.graph import Graph
from graph.models.av2ts.spec import AV2TSSpec
from graph.ops import Add, Concat, Fold, MatMul, Reduce, Unfold, View

BLOCKS = 3


def audio_tokens(g: Graph, x: str, spec: AV2TSSpec) -> tuple[str, str]:
    """x [N, A] of one second -> tokens [4 N, C] of that second, and the clip's match of seconds A [h, F, F]."""
    groups = [linear(g, "audio_linear1", x, spec.hidden)]
    for i in range(1, BLOCKS + 1):
        with g.scope(f"time_attn_blocks_{i}"):
            output = block(g, x, spec, heads=spec.heads, frames=spec.frames, bias=False, logits=i == BLOCKS)
        if i > 1:
            groups.append(linear(g, f"audio_linear{i}", output.normed, spec.hidden))
        x = output.out
    groups.append(linear(g, f"audio_linear{BLOCKS + 1}", norm(g, "time_norm", x, spec), spec.hidden))
    match = g("time_match", Reduce(axes=(0,)), output.logits)
    return g("audio_tokens", Concat(), *groups), g("time_map", View(pattern="1 h f k -> h f k"), match)


def visual_features(g: Graph, features: list[str], match: str, spec: AV2TSSpec) -> list[str]:
    """Four maps of a frame -> four of ``hidden`` channels that know of the clip's other frames."""
    weights = score(g, "time_weights", match, spec)
    return [_visual(g, i, x, weights, spec) for i, x in enumerate(features)]


def _visual(g: Graph, level: int, x: str, weights: str, spec: AV2TSSpec) -> str:
    x = conv_block(g, f"visual_project.{level}", x, spec.hidden, spec, fn=None)
    _, height, width = g[x].shape
    x = g(f"visual_tokens.{level}", View(pattern="c h w -> (h w) c"), x)
    with g.scope(f"time_visual_attn_blocks.{level}"):
        normed = norm(g, "norm1", x, spec)
        with g.scope("attn"):
            v = linear(g, "v", normed, spec.hidden)
            v = norm(g, "v_norm", v, spec) if spec.projection_norms else v
            y = linear(g, "proj", _over_time(g, v, weights, spec), spec.hidden)
        x = mlp(g, g("add1", Add(), x, y), spec)
    x = norm(g, f"time_visual_norm.{level}", x, spec)
    return g(f"visual_map.{level}", View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), x)


def _over_time(g: Graph, v: str, weights: str, spec: AV2TSSpec) -> str:
    """v [N, C] of every frame, mixed over the clip's frames with the heads' weights [h, F, F]: one product a head."""
    heads = (("h", spec.heads),)
    rows = (("n", g[v].shape[0]),)
    clip = g("clip", Unfold(frames=spec.frames), v)
    series = g("series", View(pattern="f n (h d) -> h f (n d)", sizes=heads), clip)
    mixed = g("mixed", MatMul(inner=spec.frames), weights, series)
    clip = g("merged_clip", View(pattern="h f (n d) -> f n (h d)", sizes=rows), mixed)
    return g("merged", Fold(frames=spec.frames), clip)

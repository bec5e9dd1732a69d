"""CED (Dinkel et al. 2024), a transformer on patches of a log-mel: logmel [1, 96, 64] of one second -> tokens [N, A].

    x = conv_pxp(batch_norm over mel bands(logmel^T)) + time position + mel position,   p = ``audio_patch``
    N = 64 / p * 96 / p tokens, mel-major;  ``audio_depth`` pre-norm blocks;  norm.  LayerNorms have eps 1e-6.

``ced_mini`` is 12 blocks of width 256 with 4 heads. Its table of time positions is longer than a second needs and is
kept whole, so that pretrained ones load. No class token, no pooling, no classifier.
"""

from __future__ import annotations

from graph.blocks import norm
from graph.blocks.token_block import block
from graph.graph import Graph
from graph.ops import Add, Conv, Norm, Param, Slice, View
from graph.spec import BaseSpec

EPS = 1e-6
STORED_FRAMES = 1012  # of the time positions: ten seconds and a little


def _positions(g: Graph, dim: int, height: int, width: int, patch: int) -> str:
    """[A, height, width]: one code a mel patch plus one a time patch."""
    time = g("time_pos_embed", Param(dims=(dim, 1, STORED_FRAMES // patch), init="small"))
    mel = g("freq_pos_embed", Param(dims=(dim, height, 1), init="small"))
    return g("positions", Add(), g("time", Slice(axis=-1, stop=width), time), mel)


def ced(g: Graph, logmel: str, spec: BaseSpec) -> str:
    patch, dim = spec.audio_patch, spec.audio_dim
    x = g("init_bn", Norm(form="batch", channels=g[logmel].shape[-1], axis=-1), logmel)
    x = g("spectrum", View(pattern="c t f -> c f t"), x)
    op = Conv(cin=1, cout=dim, kernel=(patch, patch), stride=patch, bias=True)
    x = g("patch_embed.proj", op, x)
    _, height, width = g[x].shape
    x = g("positioned", Add(), x, _positions(g, dim, height, width, patch))
    x = g("tokens", View(pattern="c f t -> (f t) c"), x)
    for i in range(spec.audio_depth):
        with g.scope(f"blocks.{i}"):
            x = block(g, x, spec, heads=spec.audio_heads, eps=EPS).out
    return norm(g, "norm", x, spec, eps=EPS)

"""QSD's semantic-guided mask decoder: a frame's quantised semantics are the queries, each writes its own mask filters.

Layers of self-attention, deformable attention to the memory (a query looks around its own learned reference point) and
feed-forward. Then, as in CondInst, an MLP turns query q into the weights and biases of three 1x1 convolutions, which
turn the mask feature into m_q; and a Linear into its class scores p_q in [0, 1]:

    mask[c] = sum_q p_q[c] m_q + b[c],  interpolated to the picture.

The base code predicts boxes, reads pixel coordinates relative to them, and matches queries to objects in its loss. A
written bias already holds what a shift of coordinates would add, and the mask feature knows positions; boxes and
matching are left out, so that every query learns from one dense mask.
"""

from __future__ import annotations

from itertools import pairwise
from math import isqrt, log2

from graph.blocks import act, attention, feed_forward, linear, norm, sublayer
from graph.blocks.deformable import deformable_attention
from graph.graph import Graph
from graph.models.qsd.spec import QsdSpec
from graph.ops import Add, Concat, Gate, MatMul, Param, Slice, Upsample, View


def decoded(g: Graph, semantics: str, memory: str, spec: QsdSpec) -> str:
    """[n, C] x [S, C] -> queries [n, C]"""
    place = g("query_embed.weight", Param(dims=(spec.sources, spec.hidden), init=spec.query_init))
    point = g("reference_points", Param(dims=(spec.sources, 1, 2), init="unit"))
    reference = g("reference", Concat(axis=1), *(point for _ in spec.levels))
    x = g("placed", Add(), semantics, place) if spec.positions_once else semantics

    def at(name: str, x: str) -> str:
        return x if spec.positions_once else g(name, Add(), x, place)

    def themselves(x: str) -> str:
        asking = at("asking", x)
        return attention(g, "self_attn", asking, asking, spec)

    def around(x: str) -> str:
        return deformable_attention(g, "cross_attn", at("looking", x), memory, reference, spec)

    for i in range(spec.decoder_layers):
        with g.scope(f"layers.{i}"):
            x = sublayer(g, "norm1", x, themselves, spec)
            x = sublayer(g, "norm2", x, around, spec)
            x = sublayer(g, "norm3", x, lambda x: feed_forward(g, x, spec.ffn, spec, fn="relu"), spec)
    return norm(g, "norm", x, spec) if spec.stream_norms else x


def masks(g: Graph, queries: str, feature: str, spec: QsdSpec) -> str:
    """queries [n, C], feature [mask_dim, H0, W0] -> logits [classes, S, S]"""
    _, height, width = g[feature].shape
    drawn = dynamic_masks(g, controller(g, queries, spec), feature, spec)
    scores = linear(g, "class_embed", queries, spec.classes, init="small")
    if spec.written_norms:  # else the gates of a network of binary spikes stay shut, and nothing behind them learns
        scores = norm(g, "class_norm", scores, spec)
    scores = g("class_rows", View(pattern="q c -> c q"), g("class_gate", Gate(fn=spec.gate), scores))
    total = g("mask_rows", MatMul(inner=spec.sources, scale=_back(spec.sources, spec)), scores, drawn)
    total = g("mask_biased", Add(), total, g("mask_bias", Param(dims=(spec.classes, 1), init="zeros")))
    total = g("mask_map", View(pattern="c (h w) -> c h w", sizes=(("h", height), ("w", width))), total)
    return g("mask_up", Upsample(factor=spec.first_stride), total)


def _back(size: int, spec: QsdSpec) -> float:
    """The scale of a sum of ``size`` products with what queries write: a power of two, or none."""
    return 2.0 ** -round(log2(size)) if spec.written_scale else 1.0


def _widths(spec: QsdSpec) -> list[tuple[int, int]]:
    """(in, out) of every written convolution."""
    chain = (spec.mask_dim, *spec.dynamic, 1)
    return list(pairwise(chain))


def controller(g: Graph, queries: str, spec: QsdSpec) -> str:
    """An MLP to all weights, then all biases, of the written convolutions: [n, P]."""
    count = sum(cin * cout + cout for cin, cout in _widths(spec))
    x = queries
    with g.scope("controller"):
        for i in range(spec.controller_layers):
            last = i == spec.controller_layers - 1
            x = linear(g, f"layers.{i}", x, count if last else spec.hidden)
            if spec.written_norms:
                x = norm(g, f"norm{i}", x, spec)
            x = x if last else act(g, f"act{i}", x, spec, fn="relu")
    return x


def dynamic_masks(g: Graph, written: str, feature: str, spec: QsdSpec) -> str:
    """[n, P] x [mask_dim, H, W] -> [n, H W]"""
    x = g("pixels", View(pattern="c h w -> 1 c (h w)"), feature)
    widths, start = _widths(spec), 0
    bias_start = sum(cin * cout for cin, cout in widths)
    with g.scope("dynamic"):
        for i, (cin, cout) in enumerate(widths):
            part = g(f"{i}.weights", Slice(axis=-1, start=start, stop=start + cin * cout), written)
            filters = g(f"{i}.filters", View(pattern="q (o i) -> q o i", sizes=(("o", cout), ("i", cin))), part)
            part = g(f"{i}.shifts", Slice(axis=-1, start=bias_start, stop=bias_start + cout), written)
            shift = g(f"{i}.shift", View(pattern="q o -> q o 1"), part)
            x = g(f"{i}.product", MatMul(inner=cin, scale=_back(isqrt(cin), spec)), filters, x)
            x = g(f"{i}.sum", Add(), x, shift)
            if cout > 1:
                x = act(g, f"{i}.act", x, spec, axis=0, fn="relu")
            start, bias_start = start + cin * cout, bias_start + cout
    return g("drawn", View(pattern="q 1 p -> q p"), x)

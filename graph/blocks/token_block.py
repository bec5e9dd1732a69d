"""The pre-norm transformer block with a packed qkv (timm's names), over tokens or over the frames of a clip.

    x = x + proj(softmax(q k^T / sqrt d) v),  q k v = qkv(norm1 x);   x = x + fc2(act(fc1(norm2 x)))

x is [N, C] of one frame. With ``frames`` the attention runs along the F frames of a clip, for each token by itself: its
queries, keys and values are then [N, h, F, d]. All other layers see one frame at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, log2, sqrt

from graph.blocks import act, hidden_norm, linear, norm
from graph.graph import Graph
from graph.ops import Add, Fold, MatMul, Score, Slice, Unfold, View
from graph.spec import BaseSpec

MLP_RATIO = 4


@dataclass(frozen=True)
class Block:
    """``out``: the block's result. ``normed``: norm1 of its input. ``logits`` [..., h, N, N]: the scaled q k^T in front
    of the softmax; empty where the attention is linear and nobody asked for them."""

    out: str
    normed: str
    logits: str


@dataclass(frozen=True)
class Heads:
    """How [N, h d] of a frame is seen head by head, and back."""

    heads: int
    frames: int = 0

    def split(self, g: Graph, name: str, x: str, *, transposed: bool = False) -> str:
        last = "d n" if transposed else "n d"
        pattern = f"n (h d) -> h {last}"
        if self.frames:
            x = g(f"{name}_clip", Unfold(frames=self.frames), x)
            pattern = f"f n (h d) -> n h {last.replace('n', 'f')}"
        return g(f"{name}_heads", View(pattern=pattern, sizes=(("h", self.heads),)), x)

    def merge(self, g: Graph, x: str) -> str:
        if not self.frames:
            return g("merged", View(pattern="h n d -> n (h d)"), x)
        return g("merged", Fold(frames=self.frames), g("clip", View(pattern="n h f d -> f n (h d)"), x))


def score(g: Graph, name: str, logits: str, spec: BaseSpec) -> str:
    """Attention weights, as the spec makes them: softmax, or rectified and divided by a power of two."""
    scale = 2.0 ** -round(log2(g[logits].shape[-1])) if spec.score == "relu" else 1.0
    return g(name, Score(fn=spec.score, scale=scale), logits)


def mlp(g: Graph, x: str, spec: BaseSpec, *, eps: float = 1e-5) -> str:
    """x + fc2(act(fc1(norm2 x)))"""
    channels = g[x].shape[-1]
    y = norm(g, "norm2", x, spec, eps=eps)
    with g.scope("mlp"):
        y = linear(g, "fc1", y, MLP_RATIO * channels, bias=spec.bias_before_norms or not spec.hidden_norms)
        y = hidden_norm(g, "norm", y, spec)
        y = linear(g, "fc2", act(g, "act", y, spec), channels)
    return g("add2", Add(), x, y)


def block(
    g: Graph,
    x: str,
    spec: BaseSpec,
    *,
    heads: int,
    frames: int = 0,
    bias: bool = True,
    eps: float = 1e-5,
    logits: bool = False,
) -> Block:
    """``bias``: qkv has one. ``logits``: compute them also where the attention is linear and needs none."""
    channels = g[x].shape[-1]
    along = Heads(heads, frames)
    normed = norm(g, "norm1", x, spec, eps=eps)
    with g.scope("attn"):
        qkv = linear(g, "qkv", normed, 3 * channels, bias=bias)
        q, k, v = (g(n, Slice(axis=-1, start=i * channels, stop=(i + 1) * channels), qkv) for i, n in enumerate("qkv"))
        mixed, scaled = (_linear if spec.attention == "linear" else _softmax)(g, q, k, v, along, spec, logits)
        y = linear(g, "proj", along.merge(g, mixed), channels)
    return Block(mlp(g, g("add1", Add(), x, y), spec, eps=eps), normed, scaled)


def _logits(g: Graph, q: str, k: str) -> str:
    head = g[q].shape[-1]
    return g("logits", MatMul(inner=head, scale=1 / sqrt(head)), q, k)


def _softmax(g: Graph, q: str, k: str, v: str, along: Heads, spec: BaseSpec, wanted: bool) -> tuple[str, str]:
    qh, kh, vh = along.split(g, "q", q), along.split(g, "k", k, transposed=True), along.split(g, "v", v)
    logits = _logits(g, qh, kh)
    return g("mixed", MatMul(inner=g[vh].shape[-2]), score(g, "score", logits, spec), vh), logits


def _linear(g: Graph, q: str, k: str, v: str, along: Heads, spec: BaseSpec, wanted: bool) -> tuple[str, str]:
    """relu(q) (relu(k)^T v) times a power of two, as ``graph.blocks`` has it."""
    q, k = (act(g, f"{n}_act", norm(g, f"{n}_norm", x, spec), spec, fn="relu") for n, x in (("q", q), ("k", k)))
    v = norm(g, "v_norm", v, spec)
    qh, kh, vh = along.split(g, "q", q), along.split(g, "k", k, transposed=True), along.split(g, "v", v)
    *_, head, keys = g[kh].shape
    states = g("states", MatMul(inner=keys), kh, vh)
    mixed = g("mixed", MatMul(inner=head, scale=2.0 ** -round(log2(keys * isqrt(head)))), qh, states)
    return mixed, _logits(g, qh, kh) if wanted else ""

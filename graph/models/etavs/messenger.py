"""ETAVS's messenger: a few queries carry what was seen and heard between the modalities and the frames of a window.

    collect   m_a = attend(q_a, audio) + q_a,   m_v = attend(q_v, pixels) + q_v          each frame by itself
    exchange  [m_a; m_v] = attention over all messages of the window's frames
    deliver   pixels + out(attend(pixels, m_a)),   out(attend(audio, m_v) + audio)       each frame by itself

q_a and q_v [M, D] are one learnt table, projected. A window's F frames are one row while they exchange: [2 M, D] of
every frame, [F 2 M, D] together. What is delivered to the pixels goes on into the backbone's next stage; the sound's
token [1, C] of the stage's width goes to the decoder only, so every stage hears the same.
"""

from __future__ import annotations

from dataclasses import replace

from graph.blocks import attend, dropped, linear, norm
from graph.graph import Graph
from graph.models.etavs.spec import EtavsSpec
from graph.ops import Add, Concat, Fold, Param, Slice, Unfold, View


def halves(g: Graph, name: str, x: str, axis: int = -1) -> tuple[str, str]:
    middle = g[x].shape[axis] // 2
    first = g(f"{name}_first", Slice(axis=axis, start=0, stop=middle), x)
    return first, g(f"{name}_second", Slice(axis=axis, start=middle, stop=2 * middle), x)


def project(g: Graph, name: str, x: str, width: int, spec: EtavsSpec) -> str:
    """A Linear that a norm follows, at once or behind another Linear or a sum."""
    return linear(g, name, x, width, bias=spec.bias_before_norms)


def read(g: Graph, query: str, key: str, value: str, spec: EtavsSpec, *, drop: bool = True) -> str:
    """``attend``, and a norm of its result where the spec wants one."""
    merged = attend(g, query, key, value, spec, drop=drop)
    return norm(g, "found_norm", merged, spec) if spec.result_norms else merged


def messenger(g: Graph, stage: int, feature: str, audio: str, spec: EtavsSpec) -> tuple[str, str]:
    """A stage's feature [C, h, w] and the sound's token [1, D] -> both, after each has read the messages of
    the other modality."""
    channels, height, width = g[feature].shape
    inner = replace(spec, hidden=spec.messenger)
    with g.scope(f"messenger.{stage}"):
        pixels = g("pixels", View(pattern="c h w -> (h w) c"), feature)
        table = g("queries.weight", Param(dims=(spec.messages, spec.messenger), init=spec.query_init))
        for_audio, for_pixels = halves(g, "query", linear(g, "query_proj", table, 2 * spec.messenger))
        heard = _collect(g, "collect.audio", for_audio, audio, inner)
        seen = _collect(g, "collect.visual", for_pixels, pixels, inner)
        heard, seen = _exchange(g, heard, seen, inner)
        with g.scope("deliver.visual"):
            change = project(g, "out", _delivered(g, pixels, heard, inner), channels, spec)
            pixels = dropped(g, "out_drop", g("add", Add(), change, pixels), spec)
        with g.scope("deliver.audio"):
            changed = g("add", Add(), _delivered(g, audio, seen, inner), audio)
            audio = dropped(g, "out_drop", project(g, "out", changed, channels, spec), spec)
        back = View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width)))
        return g("feature", back, pixels), audio


def _collect(g: Graph, name: str, query: str, source: str, spec: EtavsSpec) -> str:
    """attend(query, LayerNorm(W source)) + query; linear attention has norms of its own."""
    with g.scope(name):
        both = project(g, "feat_proj", source, 2 * spec.hidden, spec)
        if spec.attention != "linear":
            both = norm(g, "norm", both, spec)
        key, value = halves(g, "source", both)
        return g("add", Add(), read(g, query, key, value, spec, drop=False), query)


def _exchange(g: Graph, heard: str, seen: str, spec: EtavsSpec) -> tuple[str, str]:
    messages = g("messages", Concat(axis=0), heard, seen)
    with g.scope("exchange"):
        clip = g("clip", Unfold(frames=spec.window), messages)
        clip = g("together", View(pattern="f n c -> (f n) c"), clip)
        q, k, v = (project(g, f"{n}_proj", clip, spec.hidden, spec) for n in "qkv")
        clip = project(g, "out_proj", read(g, q, k, v, spec), spec.hidden, spec)
        if spec.result_norms:
            clip = norm(g, "norm", clip, spec)
        clip = g("apart", View(pattern="(f n) c -> f n c", sizes=(("f", spec.window),)), clip)
        return halves(g, "message", g("frames", Fold(frames=spec.window), clip), axis=0)


def _delivered(g: Graph, reader: str, messages: str, spec: EtavsSpec) -> str:
    """attend(W reader, the messages' keys and values), still in the messenger's width."""
    key, value = halves(g, "message", project(g, "message_proj", messages, 2 * spec.hidden, spec))
    return read(g, project(g, "q_proj", reader, spec.hidden, spec), key, value, spec, drop=False)

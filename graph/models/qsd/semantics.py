"""QSD's sound: a clip's is decomposed into n quantised semantics, and a frame's is calibrated by them.

Global stage: a row of the batch is a clip. The sounds of all F frames, with sine positions in time, attend to each
other; n learnt queries attend to them and become g_1 .. g_n. Together they are the semantics of several sources, in n
factors; each is replaced by the nearest entry of ONE codebook, VQ(g_i) (product quantisation). These rows alone move
the codebook.

Local stage: a row is a frame. VQ(g_i) attend to the frame's own sound and become l_{t,i}; the same codebook, only read,
gives VQ(l_{t,i}). Where a second of sound is one token, as VGGish's, a softmax over it is 1: every query reads the
same, and the projections of queries and keys have no effect.

In training VQ(l_{t,i}) are drawn to VQ(g_i), which are constants there (``loss_distill``), and g, l to their entries
(``loss_commit``).
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.blocks import attention, feed_forward, norm, sublayer
from graph.graph import Graph
from graph.models.qsd.spec import QsdSpec
from graph.ops import Add, Codebook, Concat, Const, Expand, Fold, Param, Quantize, SquaredError, Unfold, View

CODEBOOK = "codebook"


@dataclass(frozen=True)
class Semantics:
    """``clip``: VQ(g) and ``frame``: VQ(l), both [n, C] in rows of frames. ``losses``: [1] in rows of clips."""

    clip: str
    frame: str
    losses: dict[str, str]


@dataclass(frozen=True)
class Quantised:
    """``source`` and its ``entries``, both [n groups, C / groups]; ``value``: the entries put together, [n, C]."""

    source: str
    entries: str
    value: str


def semantics(g: Graph, audio: str, spec: QsdSpec) -> Semantics:
    """audio [N, C] of a frame -> the semantics of its clip and its own."""
    with g.scope("clip"):
        heard = clip_sound(g, audio, spec)
    with g.scope("decompose"):
        table = g("query.weight", Param(dims=(spec.sources, spec.hidden)))
        query = g("query.clips", Expand(to="once"), table, g("of_clip", Unfold(frames=spec.frames), audio))
        clip = quantised(g, _sources(g, query, heard, spec, spec.decompose_layers), spec, updates=True)
    with g.scope("calibrate"):
        known = every_frame(g, clip.value, spec)
        sound = norm(g, "audio_norm", audio, spec)
        frame = quantised(g, _sources(g, known, sound, spec, spec.calibrate_layers), spec, updates=False)
    with g.scope("losses"):
        return Semantics(known, frame.value, losses(g, clip, frame, spec))


def clip_sound(g: Graph, audio: str, spec: QsdSpec) -> str:
    """[N, C] of a frame -> [F N, C] of its clip, each aware of the others and of when it was."""
    x = g("frames", Unfold(frames=spec.frames), audio)
    time = g("time", Const(recipe="sine", dims=(spec.frames, spec.hidden), levels=((spec.frames, 1),)))
    if spec.position_bits:
        time = g("time_grid", Quantize(bits=spec.position_bits), time)
    x = g("timed", Add(), x, g("time_rows", View(pattern="f c -> f 1 c"), time))
    x = g("tokens", View(pattern="f n c -> (f n) c"), x)
    for i in range(spec.clip_layers):
        with g.scope(f"layers.{i}"):
            x = sublayer(g, "norm1", x, lambda x: attention(g, "self_attn", x, x, spec), spec)
            x = sublayer(g, "norm2", x, lambda x: feed_forward(g, x, spec.ffn, spec), spec)
    return norm(g, "norm", x, spec) if spec.stream_norms or not spec.clip_layers else x


def _sources(g: Graph, query: str, heard: str, spec: QsdSpec, layers: int) -> str:
    """Queries attend to each other and to what is heard; of unit variance, as the codebook's entries are at first."""
    for i in range(layers):
        with g.scope(f"layers.{i}"):
            query = sublayer(g, "norm1", query, lambda x: attention(g, "self_attn", x, x, spec), spec)
            query = sublayer(g, "norm2", query, lambda x: attention(g, "cross_attn", x, heard, spec), spec)
            query = sublayer(g, "norm3", query, lambda x: feed_forward(g, x, spec.ffn, spec), spec)
    return norm(g, "norm", query, spec) if spec.stream_norms or not layers else query


def quantised(g: Graph, x: str, spec: QsdSpec, *, updates: bool) -> Quantised:
    """Every group of every semantic, by the one codebook; ``updates``: these rows also move it."""
    sizes = (("g", spec.groups),)
    op = Codebook(entries=spec.entries, dim=spec.hidden // spec.groups, decay=spec.decay, updates=updates)
    source = g("groups", View(pattern="n (g d) -> (n g) d", sizes=sizes), x)
    entries = g("entries", op, source, weights=CODEBOOK)
    return Quantised(source, entries, g("quantised", View(pattern="(n g) d -> n (g d)", sizes=sizes), entries))


def every_frame(g: Graph, x: str, spec: QsdSpec) -> str:
    """A clip's [n, C], for each of its frames."""
    one = g("of_clip", View(pattern="n c -> 1 n c"), x)
    return g("of_frame", Fold(frames=spec.frames), g("repeated", Concat(axis=0), *(one for _ in range(spec.frames))))


def losses(g: Graph, clip: Quantised, frame: Quantised, spec: QsdSpec) -> dict[str, str]:
    source, entries = (
        g(name, Unfold(frames=spec.frames), value)
        for name, value in (("local", frame.source), ("entry", frame.entries))
    )
    commit = SquaredError(weight=spec.commitment)
    clip_commit, frame_commit = g("clip", commit, clip.source, clip.entries), g("frame", commit, source, entries)
    teacher = g("teacher", View(pattern="m d -> 1 m d"), clip.entries)
    return {
        "loss_commit": g("commit", Add(), clip_commit, frame_commit),
        "loss_distill": g("distill", SquaredError(), entries, teacher),
    }

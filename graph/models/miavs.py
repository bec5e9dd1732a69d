"""MI-AVS: the mask transformer with a mutual-information map for its fusion.

    T(v, a) = fc3(relu(fc2(relu(fc1([v; a])))))  for every pixel v of the mask feature and the sound a
    gate = sigmoid(proj(sum_v T(v, a) v)),  which scales the feature's channels

As published, the sum over pixels is not scaled; with ``spec.mean_pooling`` it is divided by their number, a power of
two. The layer fc1 of a concatenation is written as the sum of two layers: then the half that reads the sound is
computed once, not once for each pixel (``spec.joint_critic``: as published).
"""

from __future__ import annotations

from graph.blocks import act, hidden_norm, linear, norm
from graph.blocks.deformable import TOKENS
from graph.graph import Graph
from graph.models.mask_transformer import Fused, Spec, build
from graph.ops import Add, Concat, Const, Gate, MatMul, Mul, View


def _apart(g: Graph, pixels: str, audio: str, width: int) -> str:
    return g("fc1_sum", Add(), linear(g, "fc1_pixels", pixels, width), linear(g, "fc1_audio", audio, width, bias=False))


def _jointly(g: Graph, pixels: str, audio: str, width: int) -> str:
    """The sound beside every pixel."""
    nothing = g("nothing", Const(recipe="zeros", dims=(g[pixels].shape[0], g[audio].shape[-1])))
    return linear(g, "fc1", g("pairs", Concat(axis=-1), pixels, g("audio_everywhere", Add(), nothing, audio)), width)


def information(g: Graph, feature: str, audio: str, spec: Spec) -> Fused:
    pixels = g("pixels", View(pattern=TOKENS), feature)
    count = g[pixels].shape[0]
    if spec.hidden != spec.mask_dim:
        audio = linear(g, "audio_proj", audio, spec.mask_dim)
        audio = norm(g, "audio_norm", audio, spec)
    with g.scope("mine"):
        hidden = (_jointly if spec.joint_critic else _apart)(g, pixels, audio, spec.critic[0])
        for i, width in enumerate(spec.critic, 1):
            hidden = hidden if i == 1 else linear(g, f"fc{i}", hidden, width)
            hidden = hidden_norm(g, f"norm{i}", hidden, spec)
            hidden = act(g, f"act{i}", hidden, spec, fn="relu")
        score = linear(g, "fc3", hidden, 1)
    row = g("score_row", View(pattern="n 1 -> 1 n"), score)
    scale = 1.0 / count if spec.mean_pooling else 1.0
    pooled = g("pooled", MatMul(inner=count, scale=scale), row, pixels)
    gate = linear(g, "proj", pooled, spec.mask_dim)
    gate = norm(g, "gate_norm", gate, spec) if spec.gate_norm else gate
    gate = g("gate", Gate(fn=spec.gate), gate)
    gate = g("channels", View(pattern="1 c -> c 1 1"), gate)
    return Fused(g("gated", Mul(), feature, gate), {"mi_map": score})


def miavs(spec: Spec) -> Graph:
    return build("miavs", spec, information)

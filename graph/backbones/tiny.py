"""Small image and audio networks for small pictures."""

from __future__ import annotations

from graph.backbones.kinds import After, unchanged
from graph.blocks import act, conv_block, linear, norm
from graph.graph import Graph
from graph.ops import Add, Conv, View
from graph.spec import BaseSpec


def _preact_block(g: Graph, name: str, x: str, cout: int, stride: int, spec: BaseSpec) -> str:
    """x + conv(act(norm(conv(act(norm(x)))))); the stream stays real, every convolution reads an activation."""
    cin = g[x].shape[0]
    with g.scope(name):
        a = act(g, "act1", norm(g, "norm1", x, spec, axis=0), spec, axis=0, fn="relu")
        y = g("conv1", Conv(cin=cin, cout=cout, kernel=(3, 3), stride=stride, padding=1), a)
        y = act(g, "act2", norm(g, "norm2", y, spec, axis=0), spec, axis=0, fn="relu")
        y = g("conv2", Conv(cin=cout, cout=cout, kernel=(3, 3), padding=1), y)
        if stride > 1 or cin != cout:
            x = g("shortcut", Conv(cin=cin, cout=cout, stride=stride), a)
        return g("add", Add(), x, y)


def tiny(g: Graph, image: str, spec: BaseSpec, after: After = unchanged) -> list[str]:
    """A pre-activation ResNet: one real-valued stem, then ``depths`` blocks a stage at strides s, 2s, 4s, 8s."""
    features = []
    kernel = spec.stem_stride + 1
    stem = Conv(cin=3, cout=spec.widths[0], kernel=(kernel, kernel), stride=spec.stem_stride, padding=kernel // 2)
    x = g("stem", stem, image)
    for stage, (width, depth) in enumerate(zip(spec.widths, spec.depths, strict=True)):
        for i in range(depth):
            x = _preact_block(g, f"stage{stage + 1}.{i}", x, width, 2 if stage and i == 0 else 1, spec)
        y = norm(g, f"norm{stage + 1}", x, spec, axis=0)
        feature = act(g, f"act{stage + 1}", y, spec, axis=0, fn="relu")
        changed = after(stage, feature)
        x = x if changed == feature else changed
        features.append(changed)
    return features


def tiny_audio(g: Graph, logmel: str, spec: BaseSpec) -> str:
    """VGGish in miniature: strided convolutions on [1, 96, 64], flattened (frequency matters), a Linear. -> [1, A]."""
    x = logmel
    for i, width in enumerate(spec.audio_widths):
        x = conv_block(g, f"features.{i}", x, width, spec, kernel=3, stride=2)
    x = g("flat", View(pattern="c t f -> 1 (t f c)"), x)
    x = linear(g, "embeddings.0", x, spec.audio_dim)
    return act(g, "act", norm(g, "norm", x, spec), spec, fn="relu")

"""AV2TS's pixel decoder: a deformable encoder over three levels, then the mask feature at the finest one.

mask_features = conv1x1(relu(norm(conv3x3(norm(conv1x1 f_0) + up(memory of the finest of the three levels)))))
"""

from __future__ import annotations

from graph.blocks import act, norm
from graph.blocks.deformable import deformable_encoder, spans
from graph.graph import Graph
from graph.models.av2ts.spec import AV2TSSpec
from graph.ops import Add, Const, Conv, Quantize, Slice, Upsample, View


def sine(g: Graph, name: str, size: tuple[int, int], spec: AV2TSSpec) -> str:
    """Position codes of a map, [H W, C]."""
    height, width = size
    code = g(name, Const(recipe="sine_normalised", dims=(height * width, spec.hidden), levels=(size,)))
    return g(f"{name}_grid", Quantize(bits=spec.position_bits), code) if spec.position_bits else code


def _conv_norm(g: Graph, name: str, x: str, kernel: int, spec: AV2TSSpec) -> str:
    with g.scope(name):
        op = Conv(cin=g[x].shape[0], cout=spec.hidden, kernel=(kernel, kernel), padding=kernel // 2)
        return norm(g, "1", g("0", op, x), spec, axis=0)


def pixel_decoder(g: Graph, maps: list[str], spec: AV2TSSpec) -> tuple[list[str], str]:
    """Four maps, finest first -> memories [H W, C] of the three coarser, coarsest first; mask feature [C, h, w]."""
    memory = deformable_encoder(
        g, maps[:0:-1], spec, layers=spec.encoder_layers, ffn=spec.encoder_ffn, fn="relu", positions="sine_normalised"
    )
    memory = norm(g, "memory_norm", memory, spec) if spec.stream_norms else memory
    levels = [g(f"memory.{i}", Slice(start=a, stop=b), memory) for i, (a, b) in enumerate(spans(spec))]
    height, width = spec.levels[-1]
    coarse = g("memory_map", View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), levels[-1])
    up = g("memory_up", Upsample(factor=2, mode=spec.memory_upsample), coarse)
    x = g("mask_add", Add(), _conv_norm(g, "adapter_1", maps[0], 1, spec), up)
    x = act(g, "mask_act", _conv_norm(g, "layer_1", x, 3, spec), spec, axis=0, fn="relu")
    return levels, g("mask_features", Conv(cin=spec.hidden, cout=spec.hidden, bias=True), x)

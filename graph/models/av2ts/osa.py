"""One map of pixels and the sounds attend to each other (OSA): [P + A, C] in one sequence of transformer blocks.

v = norm_v(conv1x1(mask feature, blocks of s x s pixels as channels) + level_embed),  a = norm_a(audio tokens)
[dv; da] = norm(blocks([v + sine; a + audio_pos]));   v + gamma_v dv,  a + gamma_a da
"""

from __future__ import annotations

from graph.blocks import norm
from graph.blocks.deformable import TOKENS
from graph.blocks.token_block import block
from graph.graph import Graph
from graph.models.av2ts.pixel_decoder import sine
from graph.models.av2ts.spec import AV2TSSpec
from graph.ops import Add, Concat, Conv, LayerScale, Param, Slice, View

TO_DEPTH = "c (h a) (w b) -> (c a b) h w"


def fused(g: Graph, feature: str, sounds: str, spec: AV2TSSpec) -> tuple[str, str, tuple[int, int]]:
    """Mask feature [C, h, w], audio tokens [A, C] -> pixels [P, C], sounds [A, C], and the pixels' height and width."""
    s = spec.osa_stride
    x = g("blocks_as_channels", View(pattern=TO_DEPTH, sizes=(("a", s), ("b", s))), feature)
    x = g("conv_proj_1", Conv(cin=g[x].shape[0], cout=spec.hidden, bias=True), x)
    _, height, width = g[x].shape
    embed = g("level_embed.weight", Param(dims=(1, spec.hidden)))
    x = g("levelled", Add(), g("tokens", View(pattern=TOKENS), x), embed)
    with g.scope("b_attn"):
        v = norm(g, "layer_norm_v", x, spec)
        a = norm(g, "layer_norm_a", sounds, spec)
        pixels, total = height * width, height * width + g[a].shape[0]
        audio_pos = g("audio_pos.weight", Param(dims=g[a].shape))
        seen = g("v_positioned", Add(), v, sine(g, "positions", (height, width), spec))
        joint = g("joint", Concat(), seen, g("a_positioned", Add(), a, audio_pos))
        for i in range(spec.osa_layers):
            with g.scope(f"blocks.{i}"):
                joint = block(g, joint, spec, heads=spec.heads, bias=False).out
        joint = norm(g, "norm", joint, spec)
        dv = g("gamma_v", LayerScale(channels=spec.hidden), g("v_change", Slice(stop=pixels), joint))
        da = g("gamma_a", LayerScale(channels=spec.hidden), g("a_change", Slice(start=pixels, stop=total), joint))
        return g("v_fused", Add(), v, dv), g("a_fused", Add(), a, da), (height, width)

"""From the encoder's memory and the decoder's queries to the mask: the mask feature, and the head that reads it."""

from __future__ import annotations

from graph.blocks import act, conv_block, hidden_norm, linear, norm
from graph.blocks.deformable import spans
from graph.graph import Graph
from graph.models.mask_transformer.spec import Spec
from graph.ops import Add, Conv, MatMul, Slice, Upsample, View


def mask_feature(g: Graph, fine: str, memory: str, spec: Spec) -> str:
    """out_conv(lateral_conv(finest level) + up(memory of the next level)) -> [mask_dim, H0, W0]."""
    start, stop = spans(spec)[0]
    height, width = spec.levels[0]
    coarse = g("memory_fine", Slice(axis=0, start=start, stop=stop), memory)
    if spec.hidden != spec.mask_dim:
        if spec.stream_norms:
            coarse = norm(g, "memory_norm", coarse, spec)
        coarse = linear(g, "memory_proj", coarse, spec.mask_dim)
    coarse = g("memory_map", View(pattern="(h w) c -> c h w", sizes=(("h", height), ("w", width))), coarse)
    up = g("memory_up", Upsample(factor=2, mode=spec.memory_upsample), coarse)
    total = g("mask_add", Add(), conv_block(g, "lateral_conv", fine, spec.mask_dim, spec, fn=None), up)
    if spec.head_acts:
        total = act(g, "mask_act", norm(g, "mask_norm", total, spec, axis=0), spec, axis=0, fn="relu")
    return conv_block(g, "out_conv", total, spec.mask_dim, spec, kernel=3)


def mask_head(g: Graph, queries: str, feature: str, spec: Spec) -> str:
    """fc(feature + mlp(queries x feature)): every query's similarity map is a channel of the MLP's input."""
    channels, height, width = g[feature].shape
    if spec.hidden != spec.mask_dim:
        queries = linear(g, "query_proj", queries, spec.mask_dim)
        if spec.projection_norms:
            queries = norm(g, "query_proj_norm", queries, spec)
    flat = g("feature_flat", View(pattern="c h w -> c (h w)"), feature)
    maps = g("query_maps", MatMul(inner=channels, scale=spec.query_map_scale), queries, flat)
    maps = g("query_map", View(pattern="q (h w) -> q h w", sizes=(("h", height), ("w", width))), maps)
    maps = mlp(g, maps, spec)
    x = g("fc_input", Add(), feature, maps)
    return fc(g, x, spec)


def mlp(g: Graph, maps: str, spec: Spec) -> str:
    """1x1 convolutions with ReLUs between them, [Q, H, W] -> [mask_dim, H, W]."""
    with g.scope("mlp.layers"):
        for i in range(spec.mask_mlp_layers):
            if i:
                if spec.mask_mlp_norms == "hidden":
                    maps = norm(g, f"hidden_norm{i - 1}", maps, spec, axis=0)
                maps = act(g, f"act{i}", maps, spec, axis=0, fn="relu")
            cout = spec.mask_dim if i == spec.mask_mlp_layers - 1 else spec.mlp
            maps = g(f"{i}", Conv(cin=g[maps].shape[0], cout=cout, bias=True), maps)
            if spec.mask_mlp_norms == "every":
                maps = norm(g, f"norm{i}", maps, spec, axis=0)
    return maps


def fc(g: Graph, x: str, spec: Spec) -> str:
    """Conv3x3, upsample, Conv3x3, ReLU, Conv1x1; the upsampling last where the spec says so."""
    wide, narrow = spec.fc
    stride = spec.first_stride

    def conv3(name: str, x: str, cout: int) -> str:
        return g(name, Conv(cin=g[x].shape[0], cout=cout, kernel=(3, 3), padding=1, bias=True), x)

    with g.scope("fc"):
        if spec.head_acts:
            x = act(g, "in_act", norm(g, "in_norm", x, spec, axis=0), spec, axis=0, fn="relu")
        x = conv3("0", x, wide)
        if spec.head_acts:
            x = act(g, "act0", norm(g, "norm0", x, spec, axis=0), spec, axis=0, fn="relu")
        if not spec.upsample_last:
            x = g("1", Upsample(factor=stride), x)
        x = conv3("2", x, narrow)
        x = hidden_norm(g, "norm2", x, spec, axis=0)
        x = act(g, "3", x, spec, axis=0, fn="relu")
        x = g("4", Conv(cin=narrow, cout=spec.classes, bias=spec.logit_bias, init="small"), x)
        return g("up", Upsample(factor=stride), x) if spec.upsample_last else x

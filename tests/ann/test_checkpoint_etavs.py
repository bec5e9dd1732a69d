"""ETAVS's key map: every tensor of an official file arrives once and whole, packed ones in their places."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann import ANN
from ann.checkpoints.etavs import PVT, RESNET
from ann.checkpoints.keymap import KeyMap, translate
from graph.graph import Graph
from graph.lower import Network, lower, observe
from graph.models import build
from graph.models.etavs import ETAVS_SPECS

OWN = ("messenger.", "decoder.")  # of the encoders' keys other tests know
SMALL = replace(ETAVS_SPECS["tiny"], image=32, heads=4, widths=(8, 16, 24, 32)).as_published()
# What a stage of width C holds, D the messenger's width, H the pyramid's.
FUSER = {
    "intermediate_queries.weight": "M D", "intermediate_query_proj": "2D D", "audio_feat_proj": "2D D",
    "vis_feat_proj": "2D C", "audio_query_proj": "2D D", "vis_query_proj": "2D D", "audio_q_proj": "D D",
    "visual_q_proj": "D C", "self_attn.in_proj_weight": "3D D", "self_attn.in_proj_bias": "3D",
    "self_attn.out_proj": "D D", "vis_norm": "2D", "audio_norm": "2D", "vis_out": "C D", "audio_out": "C D",
}  # fmt: skip
BLOCK = {
    "spatial_attn.kv_proj": "2F F", "spatial_attn.self_attn.in_proj_weight": "3F F", "cross_attn.in_proj_bias": "3F",
    "spatial_attn.self_attn.in_proj_bias": "3F", "spatial_attn.self_attn.out_proj": "F F", "spatial_attn.norm": "F",
    "cross_attn.in_proj_weight": "3F F", "cross_attn.out_proj": "F F", "kv_proj": "2F F", "norm1": "F", "norm2": "F",
    "ffn.0": "XF F", "ffn.3": "F XF",
}  # fmt: skip


def small(**changes: object) -> Network:
    torch.manual_seed(0)
    return lower(build("etavs", replace(SMALL, **changes)), ANN).eval()


def official(*, narrow_first: bool = False) -> dict[str, Tensor]:
    """Official keys of messenger and decoder at the small widths, with random tensors."""
    spec = SMALL
    state: dict[str, Tensor] = {}

    def put(prefix: str, layers: dict[str, str], sizes: dict[str, int]) -> None:
        for layer, text in layers.items():
            shape = [
                int(n[:-1] or 1) * sizes[n[-1]] if n[0] != "X" else spec.ffn_ratio * sizes["F"] for n in text.split()
            ]
            whole = layer.endswith(("_weight", "_bias", ".weight"))
            state[f"{prefix}.{layer}" + ("" if whole else ".weight")] = torch.randn(shape)
            if not whole:
                state[f"{prefix}.{layer}.bias"] = torch.randn(shape[:1])

    for i, width in enumerate(spec.widths):
        fused = spec.hidden if narrow_first else width
        put(f"bridger.Fusers.{i}", FUSER, {"C": width, "D": spec.messenger, "M": spec.messages})
        put(f"decoder.fusion_block_{i}", BLOCK, {"F": fused})
        state[f"decoder.adapter_{i + 1}.weight"] = torch.randn(spec.hidden, width, 1, 1)
        state[f"decoder.layer_{i + 1}.weight"] = torch.randn(spec.hidden, spec.hidden, 3, 3)
        if narrow_first:
            put("decoder", {f"audio_proj_{i + 1}": "H C"}, {"H": spec.hidden, "C": width})
    state["decoder.mask_features.weight"] = torch.randn(1, spec.hidden, 3, 3)
    state["decoder.mask_features.bias"] = torch.randn(1)
    return state


def own(module: Network) -> dict[str, Tensor]:
    return {key: value for key, value in module.state_dict().items() if key.startswith(OWN)}


@pytest.mark.parametrize(("keys", "narrow_first"), [(PVT, False), (RESNET, True)])
def test_the_map_is_a_bijection(keys: KeyMap, narrow_first: bool):
    theirs, ours = official(narrow_first=narrow_first), own(small(narrow_first=narrow_first))
    found = translate(theirs, keys, ours)
    assert set(found.state) == set(ours) and set(found.loaded) == set(theirs) and not found.unused
    assert sum(v.numel() for v in theirs.values()) == sum(v.numel() for v in found.state.values())
    numbers = [torch.cat([v.flatten() for v in state.values()]).sort().values for state in (theirs, found.state)]
    assert torch.equal(*numbers)


def test_the_second_branch_is_explained():
    found = translate({**official(narrow_first=True), "visual_encoder.layer4_2.0.bn1.bias": torch.zeros(3)}, RESNET,
                      own(small(narrow_first=True)))  # fmt: skip
    assert found.unused == {"visual_encoder.layer4_2.0.bn1.bias": "second branch, never run"}


@pytest.mark.parametrize(
    "key",
    [
        "bridger.Fusers.2.vis_out.weight",
        "decoder.fusion_block_1.cross_attn.in_proj_weight",
        "decoder.mask_features.weight",
    ],
)
def test_wrong_shapes_fail(key):
    theirs = official()
    theirs[key] = theirs[key][:, :-1]
    with pytest.raises(ValueError, match=f"official key '{key}'"):
        translate(theirs, PVT, own(small()))


def test_missing_and_strange_keys_fail():
    theirs = official()
    with pytest.raises(ValueError, match=r"'decoder.layer_5.weight' is unknown to 'etavs'"):
        translate({**theirs, "decoder.layer_5.weight": torch.zeros(1)}, PVT, own(small()))
    del theirs["bridger.Fusers.0.self_attn.in_proj_weight"]
    with pytest.raises(ValueError, match=r"leaves 3 of \d+ keys"):
        translate(theirs, PVT, own(small()))


@pytest.fixture(scope="module")
def loaded() -> tuple[dict[str, Tensor], Graph, dict[str, Tensor]]:
    """Official tensors, our graph, and the value of every node with those tensors in it."""
    module, theirs = small(), {k: v / max(v[0].numel(), 4) ** 0.5 for k, v in official().items()}
    module.load_state_dict(translate(theirs, PVT, own(module)).state, strict=False)
    seen: dict[str, Tensor] = {}
    batch = {"image": torch.rand(5, 3, 32, 32), "logmel": torch.randn(5, 1, 96, 64)}
    with torch.no_grad():
        observe(module, batch, lambda node, inputs, value: seen.__setitem__(node.name, value))
    return theirs, module.graph, seen


def layer(theirs: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    return F.linear(x, theirs[f"{prefix}.weight"], theirs[f"{prefix}.bias"])


def packed(theirs: dict[str, Tensor], prefix: str, *inputs: Tensor, heads: int = 4) -> Tensor:
    """Torch's own attention with the official, packed tensors."""
    made = nn.MultiheadAttention(inputs[0].shape[-1], heads, batch_first=True)
    made.load_state_dict(
        {key.removeprefix(f"{prefix}."): v for key, v in theirs.items() if key.startswith(f"{prefix}.")}
    )
    return made.eval()(*inputs)[0].detach()


def normed(theirs: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], theirs[f"{prefix}.weight"], theirs[f"{prefix}.bias"])


def attended(query: Tensor, key_value: Tensor, heads: int = 4) -> Tensor:
    """Heads' attention without projections, keys and values side by side."""
    key, value = key_value.expand(len(query), -1, -1).chunk(2, -1)
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("stage", range(4))
def test_a_messenger_step_by_step(loaded, stage):
    theirs, _, seen = loaded
    fuser, ours = f"bridger.Fusers.{stage}", f"messenger.{stage}"
    table = theirs[f"{fuser}.intermediate_queries.weight"]
    queries = layer(theirs, f"{fuser}.intermediate_query_proj", table).expand(5, -1, -1).chunk(2, -1)
    sources = {"audio": seen["audio.act"], "vis": seen[f"{ours}.pixels"]}
    collected = []
    for (side, source), query in zip(sources.items(), queries, strict=True):
        both = normed(theirs, f"{fuser}.{side}_norm", layer(theirs, f"{fuser}.{side}_feat_proj", source))
        collected.append(attended(query, both) + query)
    clip = torch.cat(collected, 1).flatten(0, 1)[None]  # five frames are one clip
    clip = packed(theirs, f"{fuser}.self_attn", clip, clip, clip)
    heard, saw = clip[0].unflatten(0, (5, -1)).chunk(2, 1)
    pixels = attended(
        layer(theirs, f"{fuser}.visual_q_proj", sources["vis"]), layer(theirs, f"{fuser}.audio_query_proj", heard)
    )
    sound = attended(
        layer(theirs, f"{fuser}.audio_q_proj", sources["audio"]), layer(theirs, f"{fuser}.vis_query_proj", saw)
    )
    pixels = layer(theirs, f"{fuser}.vis_out", pixels) + sources["vis"]
    sound = layer(theirs, f"{fuser}.audio_out", sound + sources["audio"])
    for name, wanted in (("deliver.visual.add", pixels), ("deliver.audio.out", sound)):
        assert torch.allclose(seen[f"{ours}.{name}"], wanted, rtol=1e-4, atol=1e-4), name


@pytest.mark.parametrize("stage", range(4))
def test_a_fusion_step_by_step(loaded, stage):
    theirs, _, seen = loaded
    block, ours = f"decoder.fusion_block_{stage}", f"decoder.fusion.{stage}"
    pixels, memory, sound = (
        seen[n] for n in (f"{ours}.pixels", f"{ours}.memory", f"messenger.{stage}.deliver.audio.out")
    )
    memory = layer(theirs, f"{block}.spatial_attn.kv_proj", memory).chunk(2, -1)
    x = pixels + packed(theirs, f"{block}.spatial_attn.self_attn", pixels, *memory)
    x = normed(theirs, f"{block}.spatial_attn.norm", x)
    x = x + packed(theirs, f"{block}.cross_attn", x, *layer(theirs, f"{block}.kv_proj", sound).chunk(2, -1))
    x = layer(theirs, f"{block}.ffn.0", normed(theirs, f"{block}.norm1", x)).relu()
    x = normed(theirs, f"{block}.norm2", layer(theirs, f"{block}.ffn.3", x))
    assert torch.allclose(seen[f"{ours}.norm2"], x, rtol=1e-4, atol=1e-4)


def test_the_pyramid_step_by_step(loaded):
    theirs, _, seen = loaded
    x = None
    for stage in reversed(range(4)):
        y = F.conv2d(seen[f"decoder.fusion.{stage}.feature"], theirs[f"decoder.adapter_{stage + 1}.weight"])
        y = y if x is None else y + F.interpolate(x, size=y.shape[-2:], mode="nearest")
        x = F.conv2d(y, theirs[f"decoder.layer_{stage + 1}.weight"], padding=1).relu()
    assert torch.allclose(seen["decoder.act.0"], x, rtol=1e-4, atol=1e-4)


def test_the_mask_layer_is_their_convolution(loaded):
    theirs, graph, seen = loaded
    fine = F.interpolate(seen["decoder.act.0"], scale_factor=2.0, mode="bilinear", align_corners=False)
    wanted = F.conv2d(fine, theirs["decoder.mask_features.weight"], theirs["decoder.mask_features.bias"], padding=1)
    assert torch.allclose(seen[graph[graph.outputs["mask"]].args[0]], wanted, atol=1e-5)

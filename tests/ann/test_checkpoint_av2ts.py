"""AV2TS's official keys, made up for a small network: each is loaded to its place or explained."""

import re
from dataclasses import replace

import pytest
import torch

from ann import ANN
from ann.checkpoints.av2ts import PVT, RESNET
from ann.checkpoints.keymap import translate
from graph.lower import lower
from graph.models import build
from graph.models.av2ts import AV2TS_SPECS

SPEC = replace(
    AV2TS_SPECS["r50_maskiges"],
    image=64,
    audio_depth=2,
    encoder_layers=1,
    decoder_layers=4,
    decoder_ffn=32,
    osa_layers=1,
)
HEAD = "sem_seg_head."
# Ours -> theirs, in this order; what no line names is called alike.
THEIRS = (
    (r"^audio\.init_bn\.", "audio_backbone.init_bn.1."),
    (r"^audio\.", "audio_backbone."),
    (r"^(pixel_decoder|fusion_module|predictor)\.", rf"{HEAD}\1."),
    (r"pixel_decoder\.level_embed", "pixel_decoder.transformer.level_embed"),
    (r"(adapter|layer)_1\.0\.", r"\1_1."),
    (r"(adapter|layer)_1\.1\.", r"\1_1.norm."),
    (r"b_attn\.audio_pos", "audio_pos"),
    (r"b_attn\.gamma_v\.gamma", "b_attn.gamma_v_list.0"),
    (r"b_attn\.gamma_a\.gamma", "b_attn.gamma_a"),
    (r"b_attn\.layer_norm_([av])\.", r"b_attn.layer_norm_\1_list.0."),
    (r"b_attn\.blocks\.", "b_attn.attn_list.0.attn_block."),
    (r"b_attn\.norm\.", "b_attn.attn_list.0.norm."),
    (r"^pre_backbone\.", "pre_sam_backbone."),
    (r"backbone\.bn1\.", "backbone.stem.conv1.norm."),
    (r"backbone\.conv1\.", "backbone.stem.conv1."),
    (r"(layer\d\.\d+)\.bn(\d)\.", r"\1.conv\2.norm."),
    (r"(layer\d\.\d+)\.downsample\.0\.", r"\1.shortcut."),
    (r"(layer\d\.\d+)\.downsample\.1\.", r"\1.shortcut.norm."),
    (r"backbone\.layer([1-4])\.", lambda m: f"backbone.res{int(m[1]) + 1}."),
)
DEAD = {
    "audio_backbone.outputlayer.0.weight": (256,),
    "audio_backbone.outputlayer.1.weight": (527, 256),
    f"{HEAD}pixel_decoder.input_proj.0.0.weight": (256, 2048, 1, 1),
    f"{HEAD}pixel_decoder.input_proj.2.1.bias": (256,),
    f"{HEAD}pixel_decoder.linear1.weight": (256, 4096, 1, 1),
    "criterion.empty_weight": (3,),
}


def called(key):
    for pattern, theirs in THEIRS:
        key = re.sub(pattern, theirs, key)
    return key


@pytest.fixture(scope="module")
def ours():
    torch.manual_seed(0)
    return lower(build("av2ts", SPEC), ANN, ["mask"]).state_dict()


@pytest.fixture(scope="module")
def official(ours):
    """Our tensors under their names, q, k and v packed, batch norms frozen: without counters."""
    made = {}
    for key, tensor in ours.items():
        if "num_batches" in key:
            continue
        packed = re.fullmatch(r"(.*(?:self_attn|multihead_attn)\.)([qkv])_proj\.(weight|bias)", key)
        if packed and "predictor" in key:
            if packed[2] == "q":
                parts = [ours[f"{packed[1]}{n}_proj.{packed[3]}"] for n in "qkv"]
                made[f"{called(packed[1])}in_proj_{packed[3]}"] = torch.cat(parts)
        else:
            made[called(key)] = tensor
    made["audio_backbone.time_pos_embed"] = ours["audio.time_pos_embed"][None]
    return made | {key: torch.zeros(shape) for key, shape in DEAD.items()}


def test_every_key_has_its_place(official, ours):
    blank = {k: torch.zeros_like(v) for k, v in ours.items()}
    found = translate(official, RESNET, blank)
    assert set(found.unused) == set(DEAD) and all(found.unused.values())
    assert set(ours) - set(found.state) == {k for k in ours if "num_batches" in k}
    for key, tensor in found.state.items():
        assert torch.equal(tensor, ours[key]), key


def test_names_are_the_published_ones(official):
    known = {
        "audio_backbone.init_bn.1.running_var": (64,),
        "audio_backbone.time_pos_embed": (1, 256, 1, 63),
        "audio_backbone.blocks.1.attn.qkv.bias": (768,),
        "time_attn_blocks_3.attn.qkv.weight": (768, 256),
        "time_visual_attn_blocks.3.attn.v.bias": (256,),
        "scale_factor_module.3.fc1.weight": (128, 2048),
        f"{HEAD}fusion_module.b_attn.gamma_v_list.0": (256,),
        f"{HEAD}fusion_module.b_attn.attn_list.0.attn_block.0.mlp.fc1.weight": (1024, 256),
        f"{HEAD}fusion_module.conv_proj_1.weight": (256, 4096, 1, 1),
        f"{HEAD}pixel_decoder.transformer.encoder.layers.0.self_attn.sampling_offsets.weight": (192, 256),
        f"{HEAD}pixel_decoder.layer_1.weight": (256, 256, 3, 3),
        f"{HEAD}predictor.transformer_cross_attention_layers.1.multihead_attn.in_proj_weight": (768, 256),
        f"{HEAD}predictor.transformer_self_attention_layers.0.self_attn.out_proj.bias": (256,),
        f"{HEAD}predictor.mask_embed.layers.2.weight": (256, 256),
        "pre_sam_backbone.res5.2.conv3.norm.running_mean": (2048,),
        "backbone.res2.0.shortcut.weight": (256, 64, 1, 1),
        "backbone.stem.conv1.norm.weight": (64,),
    }
    assert {k: tuple(official[k].shape) for k in known} == known


def test_strangers_and_gaps_are_told(official, ours):
    stranger = f"{HEAD}predictor.static_query.weight"
    with pytest.raises(ValueError, match="static_query.*unknown"):
        translate({**official, stranger: torch.zeros(96, 256)}, RESNET, ours)
    fewer = {k: v for k, v in official.items() if k != f"{HEAD}predictor.query_feat.weight"}
    with pytest.raises(ValueError, match="leaves 1 of .*'predictor.query_feat.weight'"):
        translate(fewer, RESNET, ours)


def test_other_backbone_is_refused(official, ours):
    with pytest.raises(ValueError, match=r"backbone\..*unknown to 'av2ts'"):
        translate(official, PVT, ours)

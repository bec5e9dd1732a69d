"""AV2TS's checkpoints (detectron2's ``model_final.pth``): one map a backbone, for networks with and without Maskiges.

``CORE`` is all but the image backbones. Batch norms are frozen in the official file, so they bring no step counter.
"""

from __future__ import annotations

from ann.checkpoints.backbones import BLOCK, WB, ced_rules, ced_unused, detectron_rules, pvt_rules
from ann.checkpoints.keymap import KeyMap, Rule, rule, thirds

HEAD = r"sem_seg_head\."
DEFORMABLE = "sampling_offsets|attention_weights|value_proj|output_proj"

AUDIO: tuple[Rule, ...] = ced_rules("audio_backbone.", "audio.")
TIME: tuple[Rule, ...] = (
    rule(rf"(audio_linear[1-4]|time_norm)\.{WB}", r"\1.\2"),
    rule(rf"(time_attn_blocks_[123])\.({BLOCK})\.{WB}", r"\1.\2.\3"),
    rule(rf"visual_project\.(\d)\.([01])\.{WB}", r"visual_project.\1.\2.\3"),
    rule(rf"time_visual_attn_blocks\.(\d)\.({BLOCK})\.{WB}", r"time_visual_attn_blocks.\1.\2.\3"),
    rule(rf"time_visual_norm\.(\d)\.{WB}", r"time_visual_norm.\1.\2"),
)
MASKIGES: tuple[Rule, ...] = (rule(rf"scale_factor_module\.(\d)\.(fc[12])\.{WB}", r"scale_factor_module.\1.\2.\3"),)
PIXELS: tuple[Rule, ...] = (
    rule(rf"{HEAD}pixel_decoder\.transformer\.level_embed", "pixel_decoder.level_embed"),
    rule(
        rf"{HEAD}pixel_decoder\.transformer\.encoder\.layers\.(\d+)\.self_attn\.({DEFORMABLE})\.{WB}",
        r"pixel_decoder.transformer.encoder.layers.\1.self_attn.\2.\3",
    ),
    rule(
        rf"{HEAD}pixel_decoder\.transformer\.encoder\.layers\.(\d+)\.(norm[12]|linear[12])\.{WB}",
        r"pixel_decoder.transformer.encoder.layers.\1.\2.\3",
    ),
    rule(rf"{HEAD}pixel_decoder\.mask_features\.{WB}", r"pixel_decoder.mask_features.\1"),
    rule(rf"{HEAD}pixel_decoder\.(adapter|layer)_1\.weight", r"pixel_decoder.\1_1.0.weight"),
    rule(rf"{HEAD}pixel_decoder\.(adapter|layer)_1\.norm\.{WB}", r"pixel_decoder.\1_1.1.\2"),
)
FUSED: tuple[Rule, ...] = (
    rule(rf"{HEAD}fusion_module\.conv_proj_1\.{WB}", r"fusion_module.conv_proj_1.\1"),
    rule(rf"{HEAD}fusion_module\.audio_pos\.weight", "fusion_module.b_attn.audio_pos.weight"),
    rule(rf"{HEAD}fusion_module\.level_embed\.weight", "fusion_module.level_embed.weight"),
    rule(rf"{HEAD}fusion_module\.b_attn\.gamma_a", "fusion_module.b_attn.gamma_a.gamma"),
    rule(rf"{HEAD}fusion_module\.b_attn\.gamma_v_list\.0", "fusion_module.b_attn.gamma_v.gamma"),
    rule(rf"{HEAD}fusion_module\.b_attn\.layer_norm_([av])_list\.0\.{WB}", r"fusion_module.b_attn.layer_norm_\1.\2"),
    rule(
        rf"{HEAD}fusion_module\.b_attn\.attn_list\.0\.attn_block\.(\d)\.({BLOCK})\.{WB}",
        r"fusion_module.b_attn.blocks.\1.\2.\3",
    ),
    rule(rf"{HEAD}fusion_module\.b_attn\.attn_list\.0\.norm\.{WB}", r"fusion_module.b_attn.norm.\1"),
)
LAYER = rf"{HEAD}predictor\.transformer_(self|cross)_attention_layers\.(\d+)\.(self_attn|multihead_attn)\."
OURS = r"predictor.transformer_\1_attention_layers.\2.\3."
PREDICTOR: tuple[Rule, ...] = (
    rule(rf"{LAYER}in_proj_weight", *thirds(OURS, "weight")),
    rule(rf"{LAYER}in_proj_bias", *thirds(OURS, "bias")),
    rule(rf"{LAYER}out_proj\.{WB}", rf"{OURS}out_proj.\4"),
    rule(
        rf"{HEAD}predictor\.transformer_(self_attention|cross_attention|ffn)_layers\.(\d+)\.(norm|linear[12])\.{WB}",
        r"predictor.transformer_\1_layers.\2.\3.\4",
    ),
    rule(rf"{HEAD}predictor\.(decoder_norm|class_embed|mask_embed\.layers\.[012])\.{WB}", r"predictor.\1.\2"),
    rule(rf"{HEAD}predictor\.(query_feat|query_embed|level_embed)\.weight", r"predictor.\1.weight"),
)
UNUSED = (
    *ced_unused("audio_backbone."),
    (rf"{HEAD}pixel_decoder\.input_proj\..*", "projections to 256 channels, which the levels have already"),
    (rf"{HEAD}pixel_decoder\.linear1\..*", "projection to the fused map's size, which the fusion has of its own"),
    (r"criterion\.empty_weight", "weights of the classes in the loss"),
)
CORE_RULES = (*AUDIO, *TIME, *MASKIGES, *PIXELS, *FUSED, *PREDICTOR)
CORE = KeyMap("av2ts", CORE_RULES, UNUSED)
RESNET = KeyMap(
    "av2ts",
    (*CORE_RULES, *detectron_rules("backbone.", "backbone."), *detectron_rules("pre_sam_backbone.", "pre_backbone.")),
    UNUSED,
)
PVT = KeyMap(
    "av2ts",
    (*CORE_RULES, *pvt_rules("backbone.", "backbone."), *pvt_rules("pre_sam_backbone.", "pre_backbone.")),
    UNUSED,
)

"""AVSegFormer's released checkpoints (``S4_best.pth`` and the like): one map a backbone."""

from __future__ import annotations

from ann.checkpoints.backbones import pvt_rules, resnet_rules, resnet_unused
from ann.checkpoints.keymap import KeyMap, Rule, rule
from ann.checkpoints.mask_transformer import SHARED, UNUSED, kv_halves

FUSION: tuple[Rule, ...] = (
    rule(r"head\.fusion_block\.(q_proj|proj)\.(weight|bias)", r"head.fusion_block.\1.\2"),
    rule(r"head\.fusion_block\.kv_proj\.weight", *kv_halves("head.fusion_block.", "weight")),
)
PVT = KeyMap("avsegformer", (*pvt_rules("backbone.", "backbone."), *SHARED, *FUSION), UNUSED)
RESNET = KeyMap(
    "avsegformer",
    (*resnet_rules("backbone.", "backbone."), *SHARED, *FUSION),
    (*UNUSED, *resnet_unused("backbone.")),
)
